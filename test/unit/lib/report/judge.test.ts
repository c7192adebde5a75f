import { describe, expect, it } from "vitest";
import { judge } from "../../../../lib/report/judge.ts";
import { parseJunit } from "../../../../lib/report/junit.ts";

const passed = { exitCode: 0, reason: "passed", detail: "The command ended with exit code 0." } as const;
const good = '<testsuite name="a"><testcase name="x"/></testsuite>';
const bad = '<testsuite name="a"><testcase name="x"><failure/></testcase></testsuite>';
const skippedGpu =
  '<testsuite name="gpu"><testcase name="x"><skipped/></testcase><testcase name="y"><skipped/></testcase></testsuite>';
const skippedCpu = '<testsuite name="cpu"><testcase name="x"><skipped message="slow"/></testcase></testsuite>';

function verdict(xml: string, gpusRequired = 0, termination: Parameters<typeof judge>[0]["termination"] = passed) {
  const { conclusion, reason, detail } = judge({
    termination,
    suites: parseJunit(xml),
    resultsWanted: true,
    gpusRequired,
  });
  return `${conclusion}, ${reason}: ${detail}`;
}

describe("The verdict", () => {
  it.each([
    [good, 0, "success, passed: The command ended with exit code 0."],
    [bad, 0, "failure, cases-failed: Exit code 0, but 1 failed case: x."],
    ["", 0, "failure, results-missing: Exit code 0, but no result file came back."],
    [
      '<testsuite name="a"><testcase name="x"/>',
      0,
      "failure, results-missing: Exit code 0, but the result file of suite a breaks off.",
    ],
    [skippedGpu, 0, "success, passed: The command ended with exit code 0."],
    [skippedGpu, 1, "failure, gpu-cases-skipped: A GPU is required, but 2 GPU cases were skipped: x, y."],
    [skippedGpu, 2, "failure, gpu-cases-skipped: 2 GPUs are required, but 2 GPU cases were skipped: x, y."],
    [skippedCpu, 1, "success, passed: The command ended with exit code 0."],
  ])("on %j with %d GPUs required is %j", (xml, gpus, expected) => {
    expect(verdict(xml, gpus)).toBe(expected);
  });

  it("is never success without an exit code, or with another one than 0", () => {
    expect(verdict(good, 0, { ...passed, exitCode: undefined })).toBe(
      "infrastructure, unknown: The container ended, but no exit code was reported.",
    );
    expect(verdict(good, 0, { ...passed, exitCode: 3 })).toBe(
      "failure, test-failed: The command ended with exit code 3.",
    );
  });

  it("keeps the container's own end before all cases, and names the failed ones", () => {
    const killed = { exitCode: 0, reason: "out-of-memory", detail: "The kernel killed it." } as const;
    expect(verdict(good, 1, killed)).toBe("failure, out-of-memory: The kernel killed it.");
    expect(verdict(bad, 0, { exitCode: 1, reason: "test-failed", detail: "Exit code 1." })).toBe(
      "failure, test-failed: Exit code 1. 1 failed case: x.",
    );
    expect(verdict("", 0, { exitCode: 143, reason: "timed-out", detail: "Too long." })).toBe(
      "timed-out, timed-out: Too long.",
    );
  });

  it("does not ask for results that the caller did not name", () => {
    expect(judge({ termination: passed, suites: [], resultsWanted: false, gpusRequired: 1 }).reason).toBe("passed");
  });
});
