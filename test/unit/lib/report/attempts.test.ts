import { describe, expect, it } from "vitest";
import { isDisrupted, withAttempts } from "../../../../lib/report/attempts.ts";
import type { Reason } from "../../../../lib/report/conclusion.ts";
import { mergeReports } from "../../../../lib/report/merge-reports.ts";
import { createReport, formatReport, parseReport } from "../../../../lib/report/report.ts";
import { renderSummary } from "../../../../lib/report/summary.ts";

function ended(reason: Reason, jobName = "job") {
  const exitCode = reason === "passed" ? 0 : 143;
  return createReport({
    termination: { exitCode, reason, detail: `It ${reason}.`, node: "n", gpus: [], queueMs: 1, pullMs: 2, runMs: 3000 },
    suites: [],
    resultsWanted: false,
    gpusRequired: 0,
    engine: "kubernetes",
    image: "i",
    jobName,
    podName: "p",
    startedAt: new Date(0),
    logComplete: true,
  });
}

describe("isDisrupted", () => {
  it.each<[boolean, readonly Reason[]]>([
    [true, ["evicted"]],
    [true, ["node-lost"]],
    [true, ["passed", "evicted", "node-lost"]],
    [false, ["passed"]],
    [false, ["test-failed"]],
    [false, ["timed-out"]],
    [false, ["out-of-memory"]],
    [false, ["pod-deleted"]],
    [false, ["evicted", "test-failed"]],
    [false, ["evicted", "pending-timeout"]],
    [false, ["passed", "passed"]],
  ])("is %s of shards that ended as %j", (expected, reasons) => {
    expect(isDisrupted(mergeReports(reasons.map((reason) => ended(reason))))).toBe(expected);
  });
});

describe("withAttempts", () => {
  it("lists what was tried before, in the report and in its summary", () => {
    const report = withAttempts(ended("passed", "job-r1"), [ended("evicted")]);
    expect(parseReport(formatReport(report))?.attempts).toEqual([
      {
        jobName: "job",
        podName: "p",
        node: "n",
        reason: "evicted",
        detail: "It evicted.",
        startedAt: "1970-01-01T00:00:00.000Z",
        runMs: 3000,
      },
    ]);
    expect(renderSummary(report)).toContain(
      "### Disrupted before (1)\n\n- <code>job</code> (`evicted`) after 3.0 s: It evicted.\n",
    );
  });

  it("leaves a report without earlier attempts as it is", () => {
    const report = ended("passed");
    expect(withAttempts(report, [])).toBe(report);
  });
});
