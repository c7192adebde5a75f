import { formatSize } from "../size.ts";
import type { PruneResult } from "./prune.ts";
import type { PrunePlan } from "./prune-plan.ts";
import type { DamagedImage } from "./verify-inventory.ts";

/** What was decided about a registry, and what was done; in a dry run nothing was. */
export interface PruneReport extends PruneResult {
  readonly registry: string;
  readonly dryRun: boolean;
  readonly plan: PrunePlan;
  /** Undefined when none was to be collected. */
  readonly garbage: GarbageReport | undefined;
}

export interface GarbageReport {
  /** Why none was collected; undefined when it was. */
  readonly refused: string | undefined;
  readonly freedBytes: number;
  /** Images of the registry that cannot be pulled, seen afterwards. */
  readonly damaged: readonly DamagedImage[];
}

/** One tag, or an image without one, and what became of it. */
export interface PruneRow {
  readonly goes: boolean;
  readonly name: string;
  /** The first twelve digits. */
  readonly digest: string;
  readonly why: string;
}

/** The report as one JSON document; sizes are bytes. */
export function pruneJson({ plan, ...report }: PruneReport): string {
  return `${JSON.stringify({ ...report, ...plan }, undefined, 2)}\n`;
}

/** A row for every tag that was asked about, those that go first. */
export function pruneRows({ plan, spared }: PruneReport): readonly PruneRow[] {
  const kept = new Set(spared.map(({ digest, repository }) => `${repository}@${digest}`));
  return plan.verdicts.map(({ repository, tag, digest, keep, why }) => {
    const isSpared = kept.has(`${repository}@${digest}`);
    return {
      goes: !keep && !isSpared,
      name: `${repository}${tag === undefined ? "" : `:${tag}`}`,
      digest: digest.slice(7, 19),
      why: isSpared ? "tagged anew meanwhile" : why,
    };
  });
}

/** The rows as lines of a table. */
export function pruneLines(rows: readonly PruneRow[]): readonly string[] {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.map(
    ({ goes, name, digest, why }) => `${goes ? "goes " : "stays"}  ${name.padEnd(width)}  ${digest}  ${why}`,
  );
}

/** What it comes to: a sentence, then one for each image that is damaged. */
export function pruneSums({ plan, dryRun, deleted, spared, garbage, registry }: PruneReport): readonly string[] {
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
  return [`${done} Garbage collection freed ${formatSize(garbage.freedBytes)}.`, ...garbage.damaged.map(damageLine)];
}

function damageLine({ repository, digest, tags, why }: DamagedImage): string {
  return `damaged ${repository}@${digest} (${tags.join(", ")}): ${why}. Push it again.`;
}
