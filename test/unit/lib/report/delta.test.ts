import { describe, expect, it } from "vitest";
import { compareReports, describeDelta } from "../../../../lib/report/delta.ts";
import { parseJunit } from "../../../../lib/report/junit.ts";
import { createReport, formatReport, parseReport } from "../../../../lib/report/report.ts";
import { renderSummary } from "../../../../lib/report/summary.ts";

function reportOf(cases: string, runMs = 30_000) {
  const termination = { exitCode: 0, reason: "passed", detail: "It passed.", node: "n", gpus: [] } as const;
  return createReport({
    termination: { ...termination, queueMs: 1, pullMs: 2, runMs },
    suites: parseJunit(`<testsuite name="s">${cases}</testsuite>`),
    resultsWanted: false,
    gpusRequired: 0,
    engine: "podman",
    image: "app",
    jobName: "job",
    podName: undefined,
    startedAt: new Date("2026-11-20T10:00:00Z"),
    logComplete: true,
  });
}

const last = reportOf(
  '<testcase name="a" time="1"/><testcase name="b" time="1"><failure/></testcase><testcase name="old"/>',
);
const now = reportOf(
  '<testcase name="a" time="2"><failure/></testcase><testcase name="b" time="1"/><testcase name="new"/>',
  40_000,
);

describe("compareReports", () => {
  it("names what broke, was fixed, came, went and became slower", () => {
    const delta = compareReports(now, last);
    expect(delta).toEqual({
      startedAt: "2026-11-20T10:00:00.000Z",
      conclusion: "failure",
      runMs: 30_000,
      broken: ["s › a"],
      fixed: ["s › b"],
      added: 1,
      gone: 1,
      slower: [{ title: "s › a", beforeMs: 1000, durationMs: 2000 }],
    });
    expect(delta && describeDelta(delta, 40_000)).toBe(
      "1 newly failed, 1 fixed, 1 new case, 1 case gone; run 40.0 s, 30.0 s before",
    );
  });

  it("compares nothing with the report of another test, and a test without cases by its time", () => {
    expect(compareReports(reportOf('<testcase name="other"/>'), last)).toBeUndefined();
    expect(compareReports(now, undefined)).toBeUndefined();
    const [before, after] = [reportOf("", 1000), reportOf("", 2000)];
    const delta = compareReports(after, before);
    expect(delta && describeDelta(delta, after.runMs)).toBe("no case changed; run 2.0 s, 1.0 s before");
  });

  it("is in report.json and in the summary", () => {
    const delta = compareReports(now, last);
    const report = { ...now, ...(delta ? { delta } : {}) };
    expect(parseReport(formatReport(report))).toEqual(report);
    const summary = renderSummary(report);
    expect(summary).toContain(
      "| **Last run** | 1 newly failed, 1 fixed, 1 new case, 1 case gone; run 40.0 s, 30.0 s before (failure, 2026-11-20 10:00 UTC) |",
    );
    expect(summary).toContain("### Newly failed (1)\n\n- s › a\n");
    expect(summary).toContain("### Fixed (1)\n\n- s › b\n");
  });
});
