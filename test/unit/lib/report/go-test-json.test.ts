import { describe, expect, it } from "vitest";
import { parseGoTestJson } from "../../../../lib/report/go-test-json.ts";

const lines = (...events: object[]) => `${events.map((event) => JSON.stringify(event)).join("\n")}\n`;
const Package = "team/gpu";
const told = (source: string) =>
  parseGoTestJson(source).map(({ name, cases, complete }) => [
    name,
    cases.map((testCase) => `${testCase.name}: ${testCase.outcome}`),
    complete,
  ]);

describe("parseGoTestJson", () => {
  it("reads each package as a suite, with the place of a failure", () => {
    const source = lines(
      { Action: "start", Package },
      { Action: "run", Package, Test: "TestAdd" },
      { Action: "output", Package, Test: "TestAdd", Output: "=== RUN   TestAdd\n" },
      { Action: "pass", Package, Test: "TestAdd", Elapsed: 0.25 },
      { Action: "run", Package, Test: "TestGpu" },
      { Action: "output", Package, Test: "TestGpu", Output: "    gpu_test.go:12: no device\n" },
      { Action: "output", Package, Test: "TestGpu", Output: "--- SKIP: TestGpu (0.00s)\n" },
      { Action: "skip", Package, Test: "TestGpu", Elapsed: 0 },
      { Action: "output", Package, Test: "TestMul", Output: "    mul_test.go:34: 4 is not 5\n" },
      { Action: "fail", Package, Test: "TestMul", Elapsed: 1.5 },
      { Action: "fail", Package, Elapsed: 2 },
    );
    const [suite] = parseGoTestJson(`go: downloading x\n${source}`);
    expect(suite).toMatchObject({ name: Package, complete: true });
    expect(suite?.cases.map(({ name, outcome, durationMs }) => [name, outcome, durationMs])).toEqual([
      ["TestAdd", "passed", 250],
      ["TestGpu", "skipped", 0],
      ["TestMul", "failed", 1500],
    ]);
    expect(suite?.cases[1]).toMatchObject({ gpu: true, message: "gpu_test.go:12: no device" });
    expect(suite?.cases[2]).toMatchObject({ message: "mul_test.go:34: 4 is not 5", file: "mul_test.go", line: 34 });
  });

  it("counts a test with subtests once, and names it where it failed by itself", () => {
    const events = (outer: string, inner: string) =>
      lines(
        { Action: inner, Package, Test: "TestA/one" },
        { Action: outer, Package, Test: "TestA" },
        { Action: outer, Package },
      );
    expect(told(events("pass", "pass"))).toEqual([[Package, ["TestA/one: passed"], true]]);
    expect(told(events("fail", "fail"))).toEqual([[Package, ["TestA/one: failed"], true]]);
    expect(told(events("fail", "pass"))).toEqual([[Package, ["TestA/one: passed", "TestA: failed"], true]]);
  });

  it("has an errored case for a test that was killed, and for a package that does not build", () => {
    const killed = lines({ Action: "start", Package }, { Action: "run", Package, Test: "TestSlow" });
    expect(told(killed)).toEqual([[Package, ["TestSlow: errored"], false]]);
    const broken = lines({ Action: "output", Package, Output: "x.go:3: undefined: y\n" }, { Action: "fail", Package });
    expect(told(broken)).toEqual([[Package, ["team/gpu: errored"], true]]);
  });

  it("passes over a package without tests and lines that were cut", () => {
    expect(told(`${lines({ Action: "skip", Package })}{"Action":"pa`)).toEqual([]);
  });
});
