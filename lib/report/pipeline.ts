import { formatDuration } from "../duration.ts";
import type { Conclusion } from "./conclusion.ts";
import { escapeMarkdown } from "./markdown.ts";
import type { Report } from "./report.ts";
import { conclusionWord, renderSummary } from "./summary.ts";

/** One stage of a pipeline run, in the order they ran. */
export interface PipelineStage {
  /** The action's name. */
  readonly name: string;
  /** `unchanged` is a stage that found its work done already. */
  readonly outcome: "success" | "unchanged" | "failure" | "skipped";
  readonly durationMs: number;
  /** One line: what it made, or why it failed. */
  readonly detail: string;
}

/** A whole pipeline run, as its page and its job summary show it. */
export interface PipelineSummary {
  readonly title: string;
  readonly conclusion: Conclusion;
  readonly stages: readonly PipelineStage[];
  readonly report?: Report;
  /** Names and values, most wanted first: version, image by digest, assets. */
  readonly outputs: Readonly<Record<string, string>>;
}

const marks = { success: "✅", unchanged: "☑️", failure: "❌", skipped: "⏭️" } as const;

/** The job summary of a whole pipeline in Markdown: stages first, then outputs, then the test's own summary. */
export function renderPipelineMarkdown(summary: PipelineSummary): string {
  const rows = summary.stages.map(
    (stage) =>
      `| ${marks[stage.outcome]} ${escapeMarkdown(stage.name)} | ${stage.outcome} | ${formatDuration(stage.durationMs)} | ${escapeMarkdown(stage.detail)} |`,
  );
  const sumMs = summary.stages.reduce((sum, stage) => sum + stage.durationMs, 0);
  const outputs = Object.entries(summary.outputs).filter(([, value]) => value !== "");
  const parts = [
    `# ${escapeMarkdown(summary.title)}: ${conclusionWord(summary.conclusion)}`,
    [
      "| Stage | Outcome | Time | |",
      "|---|---|---:|---|",
      ...rows,
      `| **all** | | **${formatDuration(sumMs)}** | |`,
    ].join("\n"),
    outputs.length === 0
      ? ""
      : [
          "| Output | Value |",
          "|---|---|",
          ...outputs.map(([name, value]) => `| ${escapeMarkdown(name)} | <code>${escapeMarkdown(value)}</code> |`),
        ].join("\n"),
    summary.report ? renderSummary(summary.report) : "",
  ];
  return `${parts
    .filter((part) => part !== "")
    .join("\n\n")
    .trimEnd()}\n`;
}
