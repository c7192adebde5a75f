import { formatDuration } from "../duration.ts";
import { escapeHtml } from "./markdown.ts";
import type { Report } from "./report.ts";
import { conclusionWord, formatCounts } from "./summary.ts";

/** How each shard ended, and the attempts before this one; empty for a test of one pod that was not disrupted. */
export function renderShardSection(report: Report): string {
  const { shards = [], attempts = [] } = report;
  if (shards.length === 0 && attempts.length === 0) return "";
  const heading = shards.length > 0 ? `Shards (${shards.length})` : "Attempts";
  return `<section><h2>${heading}</h2>${shardTable(report)}${attemptList(report)}</section>`;
}

function shardTable({ shards = [] }: Report): string {
  if (shards.length === 0) return "";
  const longestMs = Math.max(1, ...shards.map(({ runMs }) => runMs));
  const items = shards.map((shard, index) => {
    const tone = shard.conclusion === "success" ? "success" : "failure";
    const bar = `<i style="--from:0%;--width:${((shard.runMs / longestMs) * 100).toFixed(1)}%"></i>`;
    const words = [shard.conclusion === "success" ? "" : shard.detail, formatCounts(shard), shard.node ?? ""];
    return `<li class="${tone}"><span class="name"><span class="mark">${shard.conclusion === "success" ? "✓" : "✕"}</span>Shard ${index}</span>
<span class="track">${bar}</span><span class="time">${formatDuration(shard.runMs)}</span>
<span class="detail">${conclusionWord(shard.conclusion)} · ${escapeHtml(words.filter(Boolean).join(" · "))}</span></li>`;
  });
  return `<ol class="stages shards">\n${items.join("\n")}\n</ol>`;
}

function attemptList({ attempts = [] }: Report): string {
  if (attempts.length === 0) return "";
  const items = attempts.map(
    ({ jobName, reason, detail, runMs }) =>
      `<li>${escapeHtml(detail)}<span class="soft">${escapeHtml(jobName)} · ${reason} after ${formatDuration(runMs)}</span></li>`,
  );
  return `<h3>Disrupted before (${attempts.length})</h3><ul class="cases skipped">${items.join("\n")}</ul>`;
}
