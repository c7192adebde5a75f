import { formatDuration } from "../duration.ts";
import { escapeHtml } from "./markdown.ts";
import type { Report, ReportCase } from "./report.ts";
import { isFailed } from "./test-suite.ts";

const failedShown = 100;
const skippedShown = 200;
const slowestShown = 8;

/** The sections of a test run on a page: tests and GPU side by side, then its cases. */
export function renderTestSections(report: Report): string {
  return `<div class="pair">\n${testSection(report)}\n${gpuSection(report)}\n</div>\n${casesSection(report)}`;
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
</section>`;
}

function gpuSection(report: Report): string {
  const none =
    report.gpusRequired > 0 ? `${report.gpusRequired} required, none seen by the test.` : "None seen by the test.";
  const cards = report.gpus.map(
    (
      gpu,
    ) => `<p class="gpu">${escapeHtml(gpu.product)}</p><dl><dt>Memory</dt><dd>${escapeHtml(gpu.memory)}</dd><dt>Driver</dt><dd>${escapeHtml(gpu.driver)}</dd>
<dt>UUID</dt><dd><code>${escapeHtml(gpu.uuid)}</code></dd></dl>`,
  );
  return `<section><h2>GPU</h2>${cards.length > 0 ? cards.join("\n") : `<p class="soft">${none}</p>`}
<h3>Where it ran</h3><dl><dt>Engine</dt><dd>${report.engine}</dd>${row("Node", report.node)}${row("Pod", report.podName ?? report.jobName)}
<dt>Log</dt><dd>${report.logComplete ? "complete" : "has a gap"}</dd></dl></section>`;
}

function row(name: string, value: string | null): string {
  return value === null ? "" : `<dt>${name}</dt><dd><code>${escapeHtml(value)}</code></dd>`;
}

function casesSection({ cases }: Report): string {
  const failed = cases.filter(isFailed);
  const skipped = cases.filter((testCase) => testCase.outcome === "skipped");
  const slowest = cases.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, slowestShown);
  const parts = [
    listOf({ heading: "Failed", tone: "failure", cases: failed, limit: failedShown, item: failedItem }),
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

function failedItem(testCase: ReportCase): string {
  const place = testCase.file ? `${testCase.file}${testCase.line ? `:${testCase.line}` : ""}` : "";
  const head = `${title(testCase)}<span class="soft">${escapeHtml([place, testCase.message].filter(Boolean).join(" · "))}</span>`;
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
