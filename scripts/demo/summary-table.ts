import type { RecordedRun } from "../../cli/recorded-run.ts";
import { formatDuration } from "../../lib/duration.ts";
import type { PipelineSummary } from "../../lib/report/pipeline.ts";

/** The stages as a table for a terminal, with the time of each. */
export function stageTable({ stages }: PipelineSummary): string {
  const rows = stages.map(({ name, outcome, durationMs, detail }) => [
    name,
    outcome,
    outcome === "skipped" ? "" : formatDuration(durationMs),
    detail,
  ]);
  const lines = [["stage", "outcome", "time", ""], ...rows];
  const width = (column: number) => Math.max(...lines.map((line) => (line[column] ?? "").length));
  return lines
    .map(([name = "", outcome = "", time = "", detail = ""]) =>
      `${name.padEnd(width(0))}  ${outcome.padEnd(width(1))}  ${time.padStart(width(2))}  ${detail}`.trimEnd(),
    )
    .join("\n");
}

/** The last line: passed and in how many seconds, or what failed. */
export function demoVerdict({ summary, exitCode, failure }: RecordedRun, elapsedMs: number): string {
  const seconds = (elapsedMs / 1000).toFixed(1);
  if (exitCode === 0) return `demo: passed in ${seconds} s`;
  const stage = summary.stages.find(({ outcome }) => outcome === "failure");
  const what = [stage?.name, failure ?? stage?.detail].filter((part) => part !== undefined).join(": ");
  return `demo: ${summary.conclusion} after ${seconds} s: ${what}`;
}
