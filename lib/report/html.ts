import { formatDuration } from "../duration.ts";
import { renderTestSections } from "./html-test.ts";
import { escapeHtml } from "./markdown.ts";
import { renderPage } from "./page.ts";
import type { PipelineStage, PipelineSummary } from "./pipeline.ts";

/**
 * A whole pipeline as one HTML page: stages on a time line, tests, GPU, outputs. It needs no script and no other resource, and every
 * text in it that came from a test is escaped.
 */
export function renderPipelineHtml(summary: PipelineSummary): string {
  const { title, conclusion, stages, report } = summary;
  const test = report ? renderTestSections(report) : "";
  return renderPage({
    title,
    subtitle: subtitleOf(summary),
    conclusion,
    sections: [timeline(stages), test, outputs(summary.outputs)],
    footer: footer(summary),
  });
}

function subtitleOf({ stages, outputs: values }: PipelineSummary): string {
  const done = stages.filter((stage) => stage.outcome !== "skipped");
  const sumMs = stages.reduce((sum, stage) => sum + stage.durationMs, 0);
  const version = values.version ? `version ${values.version}, ` : "";
  return `${version}${done.length} of ${stages.length} stages in ${formatDuration(sumMs)}`;
}

const marks = { success: "✓", unchanged: "=", failure: "✕", skipped: "–" } as const;
const outcomeWords = { success: "done", unchanged: "nothing to do", failure: "failed", skipped: "not run" } as const;

function timeline(stages: readonly PipelineStage[]): string {
  if (stages.length === 0) return "";
  const sumMs = Math.max(
    1,
    stages.reduce((sum, stage) => sum + stage.durationMs, 0),
  );
  let beforeMs = 0;
  const items = stages.map((stage) => {
    const from = beforeMs;
    beforeMs += stage.durationMs;
    return stageItem(stage, (from / sumMs) * 100, (stage.durationMs / sumMs) * 100);
  });
  return `<section><h2>Stages</h2><ol class="stages">\n${items.join("\n")}\n</ol></section>`;
}

function stageItem(stage: PipelineStage, fromPercent: number, widthPercent: number): string {
  const { name, outcome, durationMs, detail } = stage;
  // The shortest bar still has to be seen at the right end.
  const position = `--from:min(${fromPercent.toFixed(2)}%, 100% - 4px);--width:${widthPercent.toFixed(2)}%`;
  const bar = outcome === "skipped" ? "" : `<i style="${position}"></i>`;
  const time = outcome === "skipped" ? "–" : formatDuration(durationMs);
  return `<li class="${outcome === "skipped" ? "idle" : outcome}"><span class="name"><span class="mark" title="${outcomeWords[outcome]}">${marks[outcome]}</span>${escapeHtml(name)}</span>
<span class="track">${bar}</span><span class="time">${time}</span><span class="detail">${escapeHtml(detail || outcomeWords[outcome])}</span></li>`;
}

function outputs(values: PipelineSummary["outputs"]): string {
  const rows = Object.entries(values).filter(([, value]) => value !== "");
  if (rows.length === 0) return "";
  const items = rows.map(([name, value]) => `<dt>${escapeHtml(name)}</dt><dd><code>${escapeHtml(value)}</code></dd>`);
  return `<section><h2>Outputs</h2><dl class="outputs">${items.join("\n")}</dl></section>`;
}

function footer({ report }: PipelineSummary): string {
  return `Made by gpu-ci${report ? ` · test started ${escapeHtml(report.startedAt.slice(0, 16).replace("T", " "))} UTC` : ""}`;
}
