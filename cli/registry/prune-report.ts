import { styleText } from "node:util";
import type { TagVerdict } from "../../lib/oci/prune-verdict.ts";
import { formatSize } from "../../lib/size.ts";
import type { PruneReport } from "./prune-registry.ts";

/** The report as one JSON document; sizes are bytes. */
export function pruneJson({ plan, ...report }: PruneReport): string {
  return `${JSON.stringify({ ...report, ...plan }, undefined, 2)}\n`;
}

/** The report as a table, what goes first, and a line of sums. */
export function pruneText(report: PruneReport): string {
  const { verdicts } = report.plan;
  return `${[...table(verdicts, report), "", ...sums(report)].join("\n")}\n`;
}

function table(verdicts: readonly TagVerdict[], report: PruneReport): string[] {
  if (verdicts.length === 0) return [`${report.registry} has no image that was asked about.`];
  const spared = new Set(report.spared.map(({ digest, repository }) => `${repository}@${digest}`));
  const rows = verdicts.map((verdict) => {
    const isSpared = spared.has(`${verdict.repository}@${verdict.digest}`);
    const goes = !verdict.keep && !isSpared;
    const name = `${verdict.repository}${verdict.tag === undefined ? "" : `:${verdict.tag}`}`;
    const why = isSpared ? "tagged anew meanwhile" : verdict.why;
    return { goes, cells: [goes ? "goes" : "stays", name, verdict.digest.slice(7, 19), why] as const };
  });
  const width = Math.max(...rows.map(({ cells }) => cells[1].length));
  return rows.map(({ goes, cells: [word, name, digest, why] }) =>
    styleText(goes ? "red" : "dim", `${word.padEnd(6)} ${name.padEnd(width)}  ${digest}  ${why}`, {
      stream: process.stdout,
    }),
  );
}

function sums({ plan, dryRun, deleted, spared, garbage, registry }: PruneReport): string[] {
  const going = plan.verdicts.filter(({ keep }) => !keep).length;
  const stays = `${plan.verdicts.length - going} stay (${formatSize(plan.keptBytes)} in all of ${registry})`;
  if (dryRun) {
    return [
      `${going} of ${plan.verdicts.length} tags would go, ${stays}. ${formatSize(plan.freedBytes)} would be free after garbage collection. Dry run: nothing was changed.`,
    ];
  }
  const done = `${deleted.length} manifests were deleted${spared.length > 0 ? `, ${spared.length} spared` : ""}; ${stays}.`;
  if (!garbage) return [`${done} ${formatSize(plan.freedBytes)} will be free after garbage collection.`];
  if (garbage.refused !== undefined) return [done, garbage.refused];
  const damaged = garbage.damaged.map(
    ({ repository, digest, tags, why }) =>
      `damaged ${repository}@${digest} (${tags.join(", ")}): ${why}. Push it again.`,
  );
  return [`${done} Garbage collection freed ${formatSize(garbage.freedBytes)}.`, ...damaged];
}
