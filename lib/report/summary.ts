import { formatDuration } from "../duration.ts";
import { caseTitle } from "./case-name.ts";
import { sparkline, useOf } from "./gpu-load.ts";
import { codeBlock, escapeMarkdown, truncateMarkdown } from "./markdown.ts";
import type { Report, ReportCase } from "./report.ts";
import { changedCases, deltaRows } from "./summary-changes.ts";
import { isFailed } from "./test-suite.ts";

/** GitHub refuses a step's summary beyond 1 MiB; what was written to it before ours needs room too. */
const sizeLimitBytes = 1_000_000;
const failedShown = 50;
const skippedShown = 200;
const slowestShown = 10;

const words = {
  success: "passed",
  failure: "failed",
  "timed-out": "timed out",
  usage: "wrong usage",
  infrastructure: "infrastructure failed",
  cancelled: "cancelled",
} as const;

/** A conclusion as a word for people. */
export function conclusionWord(conclusion: Report["conclusion"]): string {
  return words[conclusion];
}

/** The job summary of one test run in Markdown, table first, at most 1 MB. */
export function renderSummary(report: Report): string {
  const parts = [
    `## GPU test ${conclusionWord(report.conclusion)}`,
    escapeMarkdown(report.detail),
    overview(report),
    shardTable(report),
    attemptList(report),
    failedCases(report.cases.filter(isFailed)),
    changedCases(report),
    skippedCases(report.cases.filter((testCase) => testCase.outcome === "skipped")),
    slowestCases(report.cases),
  ];
  const text = `${parts.filter((part) => part !== "").join("\n\n")}\n`;
  return truncateMarkdown(text, sizeLimitBytes, "All cases are in report.json among the collected files.");
}

function overview(report: Report): string {
  const rows: [string, string][] = [
    ["Result", `${conclusionWord(report.conclusion)} (\`${report.reason}\`)`],
    ["Cases", formatCounts(report)],
    ["Time", formatTimes(report)],
    ...deltaRows(report),
    ...gpuRows(report),
    ["Image", code(report.image)],
    [
      "Ran as",
      `${code(report.podName ?? report.jobName)} on ${report.engine}${report.node ? `, node ${code(report.node)}` : ""}`,
    ],
    ["Log", report.logComplete ? "complete" : "has a gap, see the log"],
  ];
  return ["| | |", "|---|---|", ...rows.map(([name, value]) => `| **${name}** | ${value} |`)].join("\n");
}

function shardTable({ shards = [] }: Report): string {
  if (shards.length === 0) return "";
  const rows = shards.map(
    (shard, index) =>
      `| ${index} | ${conclusionWord(shard.conclusion)} (\`${shard.reason}\`) | ${formatCounts(shard)} | ${formatDuration(shard.runMs)} | ${code(shard.node ?? "none")} |`,
  );
  return ["| Shard | Result | Cases | Run | Node |", "|---:|---|---|---:|---|", ...rows].join("\n");
}

function attemptList({ attempts = [] }: Report): string {
  if (attempts.length === 0) return "";
  const lines = attempts.map(
    ({ jobName, reason, detail, runMs }) =>
      `- ${code(jobName)} (\`${reason}\`) after ${formatDuration(runMs)}: ${escapeMarkdown(detail)}`,
  );
  return [`### Disrupted before (${attempts.length})`, "", ...lines].join("\n");
}

/** `12 passed, 1 failed, 2 skipped`; says when there is no case at all. */
export function formatCounts(report: Pick<Report, "passed" | "failed" | "skipped">): string {
  const { passed, failed, skipped } = report;
  return passed + failed + skipped === 0 ? "none reported" : `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

function formatTimes({ queueMs, pullMs, runMs }: Report): string {
  const sum = formatDuration(queueMs + pullMs + runMs);
  return `${sum}: queue ${formatDuration(queueMs)}, pull ${formatDuration(pullMs)}, run ${formatDuration(runMs)}`;
}

function gpuRows({ gpus, gpusRequired }: Report): [string, string][] {
  if (gpus.length === 0) {
    return [["GPU", gpusRequired > 0 ? `${gpusRequired} required, none seen by the test` : "none seen by the test"]];
  }
  return gpus.map((gpu, index): [string, string] => [
    gpus.length === 1 ? "GPU" : `GPU ${index}`,
    `${escapeMarkdown(gpu.product)}, ${escapeMarkdown(gpu.memory)}, driver ${escapeMarkdown(gpu.driver)}<br>${code(gpu.uuid)}${gpuUse(gpu)}`,
  ]);
}

/** How busy it was over the time of the test, as charts of one line each. */
function gpuUse(gpu: Report["gpus"][number]): string {
  const use = useOf(gpu);
  if (!use) return "";
  const memoryLimit = use.totalMib ?? Math.max(1, ...use.memoryMib.map((mib) => mib ?? 0));
  const used = use.usedWords && `<br>${code(sparkline(use.used, 100))} use ${use.usedWords}`;
  const memory = use.memoryWords && `<br>${code(sparkline(use.memoryMib, memoryLimit))} memory ${use.memoryWords}`;
  return `${used ?? ""}${memory ?? ""}`;
}

function failedCases(cases: readonly ReportCase[]): string {
  if (cases.length === 0) return "";
  const shown = cases.slice(0, failedShown).map((testCase) => {
    const place = testCase.file ? ` (${escapeMarkdown(testCase.file)}${testCase.line ? `:${testCase.line}` : ""})` : "";
    const head = `<details><summary>${title(testCase)}${place}: ${escapeMarkdown(testCase.message.slice(0, 300))}</summary>`;
    return `${head}\n\n${codeBlock(testCase.text || testCase.message || "no message")}\n\n</details>`;
  });
  return [`### Failed (${cases.length})`, ...shown, ...rest(cases.length - failedShown)].join("\n\n");
}

function skippedCases(cases: readonly ReportCase[]): string {
  if (cases.length === 0) return "";
  const shown = cases.slice(0, skippedShown).map((testCase) => {
    const message = testCase.message ? `: ${escapeMarkdown(testCase.message.slice(0, 300))}` : "";
    return `- ${title(testCase)}${testCase.gpu ? " (GPU)" : ""}${message}`;
  });
  return `### Skipped (${cases.length})\n\n${[...shown, ...rest(cases.length - skippedShown)].join("\n")}`;
}

function slowestCases(cases: readonly ReportCase[]): string {
  const slowest = cases
    .filter((testCase) => testCase.durationMs >= 1)
    .toSorted((a, b) => b.durationMs - a.durationMs)
    .slice(0, slowestShown);
  if (slowest.length === 0) return "";
  const rows = slowest.map((testCase) => `| ${title(testCase)} | ${formatDuration(testCase.durationMs)} |`);
  return [
    "<details><summary>Slowest cases</summary>",
    "",
    "| Case | Time |",
    "|---|---:|",
    ...rows,
    "",
    "</details>",
  ].join("\n");
}

function title(testCase: ReportCase): string {
  return escapeMarkdown(caseTitle(testCase));
}

function rest(count: number): string[] {
  return count > 0 ? [`… and ${count} more in report.json`] : [];
}

function code(text: string): string {
  return `<code>${escapeMarkdown(text)}</code>`;
}
