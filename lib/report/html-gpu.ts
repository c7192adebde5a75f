import { renderGpuChart } from "./gpu-chart.ts";
import { useOf } from "./gpu-load.ts";
import { escapeHtml } from "./markdown.ts";
import type { Report } from "./report.ts";

/** The GPUs that the test saw, how busy they were, and where it ran. */
export function renderGpuSection(report: Report): string {
  const none =
    report.gpusRequired > 0 ? `${report.gpusRequired} required, none seen by the test.` : "None seen by the test.";
  const cards = report.gpus.map((gpu) => gpuCard(gpu, report.runMs));
  return `<section><h2>GPU</h2>${cards.length > 0 ? cards.join("\n") : `<p class="soft">${none}</p>`}
<h3>Where it ran</h3><dl><dt>Engine</dt><dd>${report.engine}</dd>${row("Node", report.node)}${row("Pod", report.podName ?? report.jobName)}
<dt>Log</dt><dd>${report.logComplete ? "complete" : "has a gap"}</dd></dl></section>`;
}

function gpuCard(gpu: Report["gpus"][number], runMs: number): string {
  const use = useOf(gpu);
  return `<p class="gpu">${escapeHtml(gpu.product)}</p>${use ? renderGpuChart(use, runMs) : ""}
<dl><dt>Memory</dt><dd>${escapeHtml(gpu.memory)}</dd><dt>Driver</dt><dd>${escapeHtml(gpu.driver)}</dd>
<dt>UUID</dt><dd><code>${escapeHtml(gpu.uuid)}</code></dd></dl>`;
}

function row(name: string, value: string | null): string {
  return value === null ? "" : `<dt>${name}</dt><dd><code>${escapeHtml(value)}</code></dd>`;
}
