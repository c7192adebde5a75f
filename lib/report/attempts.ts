import type { Reason } from "./conclusion.ts";
import type { Report } from "./report.ts";

/** What is done to a test by its cluster, and says nothing of the test. */
const disruptions: readonly Reason[] = ["evicted", "node-lost"];

/** Whether the cluster took the test's place away, and nothing else went wrong: of several shards each passed or was disrupted. */
export function isDisrupted(report: Report): boolean {
  const ends = report.shards ?? [report];
  return (
    disruptions.includes(report.reason) &&
    ends.every(({ conclusion, reason }) => conclusion === "success" || disruptions.includes(reason))
  );
}

/** Adds the attempts that were disrupted before this one; without any the report stays as it is. */
export function withAttempts(report: Report, earlier: readonly Report[]): Report {
  if (earlier.length === 0) return report;
  const attempts = earlier.map(({ jobName, podName, node, reason, detail, startedAt, runMs }) => ({
    jobName,
    podName,
    node,
    reason,
    detail,
    startedAt,
    runMs,
  }));
  return { ...report, attempts };
}
