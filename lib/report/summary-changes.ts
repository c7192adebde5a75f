import { formatDuration } from "../duration.ts";
import { caseTitle } from "./case-name.ts";
import { describeDelta } from "./delta.ts";
import { escapeMarkdown } from "./markdown.ts";
import type { Report } from "./report.ts";

const shown = 20;

/** The row of the table that says what changed; none without an earlier run. */
export function deltaRows({ delta, runMs }: Report): [string, string][] {
  if (!delta) return [];
  const when = delta.startedAt.slice(0, 16).replace("T", " ");
  return [["Last run", `${escapeMarkdown(describeDelta(delta, runMs))} (${delta.conclusion}, ${when} UTC)`]];
}

/** Cases that changed since the last run, and cases that passed only when they were tried again. */
export function changedCases({ delta, cases }: Report): string {
  const flaky = cases.filter((testCase) => testCase.flaky).map(caseTitle);
  const slower = (delta?.slower ?? []).map(
    ({ title, beforeMs, durationMs }) => `${title} (${formatDuration(durationMs)}, ${formatDuration(beforeMs)} before)`,
  );
  const lists = [
    listOf("Flaky: passed on a retry", flaky),
    listOf("Newly failed", delta?.broken ?? []),
    listOf("Fixed", delta?.fixed ?? []),
    slower.length === 0
      ? ""
      : `<details><summary>Slower than in the last run</summary>\n\n${linesOf(slower)}\n\n</details>`,
  ];
  return lists.filter((list) => list !== "").join("\n\n");
}

function listOf(heading: string, titles: readonly string[]): string {
  return titles.length === 0 ? "" : `### ${heading} (${titles.length})\n\n${linesOf(titles)}`;
}

function linesOf(titles: readonly string[]): string {
  const lines = titles.slice(0, shown).map((title) => `- ${escapeMarkdown(title)}`);
  const hidden = titles.length - lines.length;
  return [...lines, ...(hidden > 0 ? [`- … and ${hidden} more in report.json`] : [])].join("\n");
}
