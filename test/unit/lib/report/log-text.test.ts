import { describe, expect, it } from "vitest";
import { createLogText } from "../../../../lib/report/log-text.ts";

function read(log: string) {
  const text = createLogText();
  for (const line of log.split("\n")) text.push(line);
  return text.suites();
}
const told = (log: string) =>
  read(log).flatMap(({ cases }) => cases.map(({ suite, name, outcome }) => `${suite} ${name} ${outcome}`));

describe("createLogText", () => {
  it("reads gtest, and who was running when it was killed", () => {
    const log = `[==========] Running 4 tests from 1 test suite.
[ RUN      ] Vector.Adds
[       OK ] Vector.Adds (12 ms)
[ RUN      ] Vector.Scales
/src/vector_test.cu:41: Failure
Expected equality of these values:
  4
  5
[  FAILED  ] Vector.Scales (3 ms)
[ RUN      ] Cuda/Device.Copies/0
[  SKIPPED ] Cuda/Device.Copies/0 (0 ms)
[ RUN      ] Vector.Hangs
still going
`;
    expect(told(log)).toEqual([
      "Vector Adds passed",
      "Vector Scales failed",
      "Vector Hangs errored",
      "Cuda/Device Copies/0 skipped",
    ]);
    const [vector, device] = read(log);
    expect([vector?.complete, vector?.cases[0]?.durationMs, device?.cases[0]?.gpu]).toEqual([false, 12, true]);
    expect(vector?.cases[1]).toMatchObject({ file: "/src/vector_test.cu", line: 41, message: "Failure" });
    expect(vector?.cases[2]).toMatchObject({ message: "It had not ended when its output did.", text: "still going" });
  });

  it("reads go test -v with its subtests", () => {
    const log = `=== RUN   TestAdd
--- PASS: TestAdd (0.01s)
=== RUN   TestMul
=== RUN   TestMul/big
    mul_test.go:9: overflow
    --- FAIL: TestMul/big (0.50s)
--- FAIL: TestMul (0.50s)
=== RUN   TestHang
`;
    expect(told(log)).toEqual([
      "go test TestAdd passed",
      "go test TestMul failed",
      "go test TestMul/big failed",
      "go test TestHang errored",
    ]);
    expect(read(log)[0]?.cases[2]).toMatchObject({
      file: "mul_test.go",
      line: 9,
      message: "overflow",
      durationMs: 500,
    });
  });

  it("reads pytest: verbose lines in colour, the short summary, and several workers", () => {
    const log = `tests/test_a.py::test_one \u001b[32mPASSED\u001b[0m [ 20%]
tests/test_a.py::test_two[a-1] FAILED [ 40%]
tests/test_a.py::test_gpu SKIPPED (no gpu) [ 60%]
[gw1] [ 80%] PASSED tests/test_b.py::TestB::test_three
tests/test_b.py::test_hangs`;
    expect(told(log)).toEqual([
      "tests/test_a.py test_one passed",
      "tests/test_a.py test_two[a-1] failed",
      "tests/test_a.py test_gpu skipped",
      "tests/test_b.py TestB::test_three passed",
      "tests/test_b.py test_hangs errored",
    ]);
    const summary = "FAILED tests/test_a.py::test_two - AssertionError: 1 != 2";
    expect(read(summary)[0]?.cases[0]).toMatchObject({
      outcome: "failed",
      message: "AssertionError: 1 != 2",
      file: "tests/test_a.py",
    });
  });

  it("finds nothing in an ordinary log", () => {
    expect(read("PASSED all\n[ OK ]\nerror: x.c:3: no\nFAILED\n")).toEqual([]);
  });
});
