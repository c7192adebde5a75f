import { describe, expect, it } from "vitest";
import type { Reason } from "../../../../lib/report/conclusion.ts";
import { mergeReports } from "../../../../lib/report/merge-reports.ts";
import { createReport, formatReport, parseReport } from "../../../../lib/report/report.ts";
import { renderSummary } from "../../../../lib/report/summary.ts";

function shard(reason: Reason, runMs = 10, exitCode: number | undefined = reason === "passed" ? 0 : 1) {
  const gpus = [{ product: "G", uuid: `GPU-${runMs}`, driver: "1", memory: "2" }];
  const testCase = { suite: "s", className: "", name: `case ${runMs}`, durationMs: 1, message: "", text: "" };
  return createReport({
    termination: { exitCode, reason, detail: `It ${reason}.`, node: "n", gpus, queueMs: 1, pullMs: 2, runMs },
    suites: [
      {
        name: "s",
        cases: [{ ...testCase, outcome: "passed", file: undefined, line: undefined, gpu: false }],
        complete: true,
      },
    ],
    resultsWanted: false,
    gpusRequired: 0,
    engine: "kubernetes",
    image: "i",
    jobName: "j",
    podName: `pod-${runMs}`,
    startedAt: new Date(0),
    logComplete: runMs !== 13,
  });
}

describe("mergeReports", () => {
  it("gives a single shard back as it is", () => {
    const only = shard("passed");
    expect(mergeReports([only])).toBe(only);
  });

  it("passes when all passed, with all cases, all GPUs and the slowest times", () => {
    const merged = mergeReports([shard("passed", 11), shard("passed", 12)]);
    expect(merged).toMatchObject({
      conclusion: "success",
      retryable: false,
      detail: "All 2 shards passed.",
      passed: 2,
    });
    expect([merged.runMs, merged.gpus.map(({ uuid }) => uuid), merged.logComplete]).toEqual([
      12,
      ["GPU-11", "GPU-12"],
      true,
    ]);
    expect(merged.shards?.map(({ podName }) => podName)).toEqual(["pod-11", "pod-12"]);
    expect(parseReport(formatReport(merged))).toEqual(merged);
  });

  it.each<[readonly Reason[], string, string]>([
    [["passed", "node-lost"], "infrastructure", "Shard 1 of 2: It node-lost."],
    [["node-lost", "test-failed"], "failure", "Shard 1 of 2: It test-failed. 1 more did not pass: 0 (node-lost)."],
    [["evicted", "timed-out", "passed"], "timed-out", "Shard 1 of 3: It timed-out. 1 more did not pass: 0 (evicted)."],
    [["cancelled", "test-failed"], "cancelled", "Shard 0 of 2: It cancelled. 1 more did not pass: 1 (test-failed)."],
  ])("of %j is %s", (reasons, conclusion, detail) => {
    expect(mergeReports(reasons.map((reason) => shard(reason)))).toMatchObject({ conclusion, detail });
  });

  it("has a row for each shard in its summary", () => {
    const merged = mergeReports([shard("passed", 11), shard("node-lost", 12)]);
    expect(renderSummary(merged)).toContain(`| Shard | Result | Cases | Run | Node |
|---:|---|---|---:|---|
| 0 | passed (\`passed\`) | 1 passed, 0 failed, 0 skipped | 11 ms | <code>n</code> |
| 1 | infrastructure failed (\`node-lost\`) | 1 passed, 0 failed, 0 skipped | 12 ms | <code>n</code> |
`);
  });

  it("is worth another try only when every shard that did not pass is", () => {
    expect(mergeReports([shard("passed"), shard("evicted")]).retryable).toBe(true);
    expect(mergeReports([shard("evicted"), shard("unschedulable")]).retryable).toBe(false);
    expect(mergeReports([shard("passed", 13), shard("passed")]).logComplete).toBe(false);
  });
});
