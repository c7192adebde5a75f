import { formatDuration } from "../duration.ts";
import { renderTestSections } from "./html-test.ts";
import { escapeHtml } from "./markdown.ts";
import { renderPage } from "./page.ts";
import type { Report } from "./report.ts";

/** One test run as an HTML page, made as that of a pipeline is. */
export function renderReportHtml(report: Report): string {
  const { queueMs, pullMs, runMs, image } = report;
  return renderPage({
    title: "GPU test",
    subtitle: `${image.split("@")[0]}, ${formatDuration(queueMs + pullMs + runMs)}`,
    conclusion: report.conclusion,
    sections: [renderTestSections(report), `<section><h2>Image</h2><p><code>${escapeHtml(image)}</code></p></section>`],
    footer: `Made by gpu-ci · started ${escapeHtml(report.startedAt.slice(0, 16).replace("T", " "))} UTC`,
  });
}
