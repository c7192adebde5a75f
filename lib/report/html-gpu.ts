import { formatDuration } from "../duration.ts";
import { renderGpuChart } from "./gpu-chart.ts";
import { useOf } from "./gpu-load.ts";
import { escapeHtml } from "./markdown.ts";
import type { Report } from "./report.ts";

/** Where the test ran, and on which GPU; of several each has a place in a section of its own. */
export function renderGpuSection(report: Report): string {
  const [gpu] = report.gpus;
  const where = `<dl><dt>Engine</dt><dd>${report.engine}</dd>${row("Node", report.node)}${row("Pod", report.podName ?? report.jobName)}
<dt>Log</dt><dd>${report.logComplete ? "complete" : "has a gap"}</dd></dl>`;
  if (report.gpus.length > 1) return `<section><h2>Where it ran</h2>${where}</section>`;
  const none =
    report.gpusRequired > 0 ? `${report.gpusRequired} required, none seen by the test.` : "None seen by the test.";
  const card = gpu ? gpuCard(gpu, report) : `<p class="soft">${none}</p>`;
  return `<section><h2>GPU</h2>${card}<h3>Where it ran</h3>${where}</section>`;
}

/** All GPUs of a test that saw several; else empty. */
export function renderGpuGrid(report: Report): string {
  if (report.gpus.length < 2) return "";
  const cards = report.gpus.map((gpu) => `<div>${gpuCard(gpu, report)}</div>`);
  return `<section><h2>GPUs (${cards.length})</h2><div class="gpus">\n${cards.join("\n")}\n</div></section>`;
}

function gpuCard(gpu: Report["gpus"][number], { runMs, shards }: Report): string {
  const use = useOf(gpu);
  // The time of a merged report is that of its slowest shard.
  const chart = use ? renderGpuChart(use, shards ? "end" : formatDuration(runMs)) : "";
  return `<p class="gpu">${escapeHtml(gpu.product)}</p>${chart}
<dl><dt>Memory</dt><dd>${escapeHtml(gpu.memory)}</dd><dt>Driver</dt><dd>${escapeHtml(gpu.driver)}</dd>
<dt>UUID</dt><dd><code>${escapeHtml(gpu.uuid)}</code></dd></dl>`;
}

function row(name: string, value: string | null): string {
  return value === null ? "" : `<dt>${name}</dt><dd><code>${escapeHtml(value)}</code></dd>`;
}
