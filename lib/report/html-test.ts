import { formatDuration } from "../duration.ts";
import { caseTitle } from "./case-name.ts";
import { describeDelta } from "./delta.ts";
import { renderGpuGrid, renderGpuSection } from "./html-gpu.ts";
import { renderShardSection } from "./html-shards.ts";
import { escapeHtml } from "./markdown.ts";
import type { Report, ReportCase } from "./report.ts";
import { isFailed } from "./test-suite.ts";

const failedShown = 100;
const skippedShown = 200;
const flakyShown = 100;
const fixedShown = 50;
const slowestShown = 8;

/** The sections of a test run on a page: tests and GPU side by side, then its shards and attempts, then its cases. */
export function renderTestSections(report: Report): string {
  const sections = [renderGpuGrid(report), renderShardSection(report), casesSection(report)].filter(
    (section) => section !== "",
  );
  return `<div class="pair">\n${testSection(report)}\n${renderGpuSection(report)}\n</div>\n${sections.join("\n")}`;
}

function testSection(report: Report): string {
  const { passed, failed, skipped } = report;
  const numbers = [
    ["success", passed, "passed"],
    ["failure", failed, "failed"],
    ["skipped", skipped, "skipped"],
  ] as const;
  const figures = numbers.map(
    ([tone, count, word]) => `<div class="${count > 0 ? tone : "none"}"><b>${count}</b><span>${word}</span></div>`,
  );
  const shares = numbers
    .filter(([, count]) => count > 0)
    .map(([tone, count]) => `<i class="${tone}" style="--share:${count}"></i>`);
  const tone = report.conclusion === "cancelled" ? "skipped" : "failure";
  const note = report.conclusion === "success" ? "" : `<p class="note ${tone}">${escapeHtml(report.detail)}</p>`;
  return `<section><h2>Tests</h2>${note}<div class="numbers">${figures.join("")}</div><div class="share">${shares.join("")}</div>
<h3>Time: ${formatDuration(report.queueMs + report.pullMs + report.runMs)}</h3>
<dl><dt>Queue</dt><dd>${formatDuration(report.queueMs)}</dd><dt>Pull</dt><dd>${formatDuration(report.pullMs)}</dd><dt>Run</dt><dd>${formatDuration(report.runMs)}</dd></dl>
${deltaNote(report)}</section>`;
}

function deltaNote({ delta, runMs }: Report): string {
  if (!delta) return "";
  const when = delta.startedAt.slice(0, 16).replace("T", " ");
  return `<h3>Since the last run <span class="soft">(${delta.conclusion}, ${escapeHtml(when)} UTC)</span></h3><p>${escapeHtml(describeDelta(delta, runMs))}</p>`;
}

function casesSection({ cases, delta }: Report): string {
  const broken = new Set(delta?.broken);
  const failed = cases.filter(isFailed);
  const skipped = cases.filter((testCase) => testCase.outcome === "skipped");
  const slowest = cases.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, slowestShown);
  const parts = [
    listOf({
      heading: "Failed",
      tone: "failure",
      cases: failed,
      limit: failedShown,
      item: (testCase) => failedItem(testCase, broken.has(caseTitle(testCase))),
    }),
    listOf({
      heading: "Flaky: passed on a retry",
      tone: "skipped",
      cases: cases.filter((testCase) => testCase.flaky),
      limit: flakyShown,
      item: title,
    }),
    titleList("Fixed since the last run", delta?.fixed ?? []),
    listOf({ heading: "Skipped", tone: "skipped", cases: skipped, limit: skippedShown, item: skippedItem }),
    cases.length === 0
      ? ""
      : `<h3>Slowest</h3><dl>${slowest.map((testCase) => `<dt class="time">${testCase.durationMs < 1 ? "&lt; 1 ms" : formatDuration(testCase.durationMs)}</dt><dd>${title(testCase)}</dd>`).join("")}</dl>`,
  ];
  const text = parts.filter((part) => part !== "").join("\n");
  return text === "" ? "" : `<section><h2>Cases</h2>${text}</section>`;
}

interface CaseList {
  readonly heading: string;
  readonly tone: "failure" | "skipped";
  readonly cases: readonly ReportCase[];
  readonly limit: number;
  readonly item: (testCase: ReportCase) => string;
}

function listOf({ heading, tone, cases, limit, item }: CaseList): string {
  if (cases.length === 0) return "";
  const hidden = cases.length - limit;
  const rest = hidden > 0 ? `<li class="soft">and ${hidden} more in report.json</li>` : "";
  const items = cases.slice(0, limit).map((testCase) => `<li>${item(testCase)}</li>`);
  return `<h3>${heading} (${cases.length})</h3><ul class="cases ${tone}">${items.join("\n")}${rest}</ul>`;
}

function titleList(heading: string, titles: readonly string[]): string {
  if (titles.length === 0) return "";
  const items = titles.slice(0, fixedShown).map((item) => `<li>${escapeHtml(item)}</li>`);
  const hidden = titles.length - items.length;
  const rest = hidden > 0 ? `<li class="soft">and ${hidden} more in report.json</li>` : "";
  return `<h3>${heading} (${titles.length})</h3><ul class="cases success">${items.join("\n")}${rest}</ul>`;
}

function failedItem(testCase: ReportCase, isNew: boolean): string {
  const place = testCase.file ? `${testCase.file}${testCase.line ? `:${testCase.line}` : ""}` : "";
  const tag = isNew ? '<span class="tag">new</span>' : "";
  const head = `${title(testCase)}${tag}<span class="soft">${escapeHtml([place, testCase.message].filter(Boolean).join(" · "))}</span>`;
  const text = testCase.text.trim();
  return text === "" || text === testCase.message
    ? head
    : `<details><summary>${head}</summary><pre>${escapeHtml(text)}</pre></details>`;
}

function skippedItem(testCase: ReportCase): string {
  const tag = testCase.gpu ? '<span class="tag">GPU</span>' : "";
  return `${title(testCase)}${tag}<span class="soft">${escapeHtml(testCase.message)}</span>`;
}

function title(testCase: ReportCase): string {
  const group = testCase.className || testCase.suite;
  return `${group ? `<span class="group">${escapeHtml(group)} › </span>` : ""}${escapeHtml(testCase.name)}`;
}
