import { reasons } from "./conclusion.ts";
import type { Report } from "./report.ts";

/** The worst first: a test that failed is bad news of the commit, whatever happened to its other shards. */
const order = ["cancelled", "failure", "timed-out", "usage", "infrastructure", "success"] as const;

/**
 * Makes one report of those of all shards: it passes when every shard did, else it ends as the worst of them, whose pod, node and exit
 * code it names. Cases are joined, times are those of the slowest. One report is given back as it is.
 */
export function mergeReports(reports: readonly Report[]): Report {
  const [first] = reports;
  if (!first) throw new Error("A test has at least one shard.");
  if (reports.length === 1) return first;
  const rank = ({ conclusion }: Report) => order.indexOf(conclusion);
  const worst = reports.reduce((found, report) => (rank(report) < rank(found) ? report : found));
  const sum = (count: (report: Report) => number) => reports.reduce((total, report) => total + count(report), 0);
  const most = (time: (report: Report) => number) => Math.max(...reports.map(time));
  const gpus = new Map(reports.flatMap((report) => report.gpus.map((gpu) => [gpu.uuid, gpu] as const)));
  return {
    ...worst,
    detail: detailOf(reports, worst),
    retryable:
      reports.every(({ reason, retryable }) => retryable || reasons[reason].conclusion === "success") &&
      worst.conclusion !== "success",
    passed: sum(({ passed }) => passed),
    failed: sum(({ failed }) => failed),
    skipped: sum(({ skipped }) => skipped),
    gpus: [...gpus.values()],
    queueMs: most(({ queueMs }) => queueMs),
    pullMs: most(({ pullMs }) => pullMs),
    runMs: most(({ runMs }) => runMs),
    logComplete: reports.every(({ logComplete }) => logComplete),
    cases: reports.flatMap(({ cases }) => cases),
    shards: reports.map(toShard),
  };
}

function toShard(report: Report): NonNullable<Report["shards"]>[number] {
  const { conclusion, reason, detail, exitCode, podName, node, passed, failed, skipped, logComplete } = report;
  const { queueMs, pullMs, runMs } = report;
  return {
    conclusion,
    reason,
    detail,
    exitCode,
    podName,
    node,
    passed,
    failed,
    skipped,
    queueMs,
    pullMs,
    runMs,
    logComplete,
  };
}

function detailOf(reports: readonly Report[], worst: Report): string {
  if (worst.conclusion === "success") return `All ${reports.length} shards passed.`;
  const index = reports.indexOf(worst);
  const others = reports.flatMap(({ conclusion, reason }, at) =>
    at === index || conclusion === "success" ? [] : `${at} (${reason})`,
  );
  const also = others.length > 0 ? ` ${others.length} more did not pass: ${others.join(", ")}.` : "";
  return `Shard ${index} of ${reports.length}: ${worst.detail}${also}`;
}
