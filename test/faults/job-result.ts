import { formatTable } from "./fault-table.ts";
import type { CancelResult } from "./job-cancel.ts";
import { outcomeOf, type Row } from "./job-rows.ts";
import type { LogCounts } from "./log-cuts.ts";

/** What job.json holds; a part that was never run is absent. */
export interface JobResult {
  readonly versions?: Readonly<Record<string, string>>;
  /** When and under which load each part was run. */
  readonly when?: Readonly<Record<string, object>>;
  readonly rows?: readonly Row[];
  readonly cancel?: CancelResult;
  readonly log?: LogCounts;
}

const tools = ["gpu-ci", "kubectl"] as const;
/** F01 to F14, F20 to F34 and F40 to F47: goal R2. */
const clusterFault = /^F([0-4]\d)$/;
const clusterFaults = 37;
const survivedBar = 34;
const cancelBar = { points: 200, exitMs: 7000 };

/** New rows take the place of old ones, tool by tool. */
export function mergeRows(before: readonly Row[], now: readonly Row[]): readonly Row[] {
  const keyOf = ({ id, name }: Row) => `${id} ${name}`;
  const merged = new Map(before.map((row) => [keyOf(row), row]));
  for (const row of now) {
    const verdicts = { ...merged.get(keyOf(row))?.verdicts, ...row.verdicts };
    merged.set(keyOf(row), { ...row, verdicts });
  }
  return [...merged.values()].toSorted((one, other) => keyOf(one).localeCompare(keyOf(other)));
}

/** One table: each fault with what each tool made of it, the sums, and a line for each other goal. */
export function printResult({ rows = [], cancel, log }: JobResult): void {
  const lines = rows.map(({ id, name, verdicts }) => [
    id,
    name,
    ...tools.map((tool) => verdicts[tool]?.outcome ?? "-"),
  ]);
  const sums = tools.map((tool) => `${survivedOf(rows, tool)} of ${clusterFaults}`);
  console.log(formatTable([["id", "fault", ...tools], ...lines, ["", "F01 to F47 survived", ...sums]]));
  if (cancel) {
    console.log(
      `Cancelled at ${cancel.points} points: ${cancel.clean} clean and in time, exit after ${cancel.p50Ms} ms (p50), ${cancel.p99Ms} ms (p99), ${cancel.maxMs} ms (max).`,
    );
  }
  if (log)
    console.log(`Logs under ${log.schedules} cut schedules (${log.megabytes} MB): ${JSON.stringify(log.outcomes)}.`);
  console.log(`False greens: ${falseGreens({ rows, ...(cancel ? { cancel } : {}), ...(log ? { log } : {}) })}.`);
}

/** The bars that this result misses, in words; of parts that were not run only when the whole is asked for. */
export function missedBars(result: JobResult, isWhole: boolean): readonly string[] {
  const { rows = [], cancel, log } = result;
  const greens = falseGreens(result);
  const missed = greens > 0 ? [`R8: ${greens} false greens, 0 allowed`] : [];
  if (!isWhole) return [...missed, ...rows.filter(isLost).map(({ id, name }) => `${id} ${name}`)];
  const survived = survivedOf(rows, "gpu-ci");
  if (survived < survivedBar) missed.push(`R2: ${survived} of ${clusterFaults} faults survived, ${survivedBar} wanted`);
  if (!cancel || cancel.clean < cancel.points || cancel.points < cancelBar.points)
    missed.push(`R5: ${cancel?.clean ?? 0} of ${cancelBar.points} cancel points clean within ${cancelBar.exitMs} ms`);
  const wrong = (log?.outcomes.silent ?? 0) + (log?.outcomes.failed ?? 0) + (log?.outcomes["false alarm"] ?? 0);
  if (!log || wrong > 0 || log.schedules < 1000)
    missed.push(`R7: ${log ? wrong : "all"} cut schedules wrong or not run`);
  return missed;
}

function survivedOf(rows: readonly Row[], tool: (typeof tools)[number]): number {
  const ids = new Set(rows.map(({ id }) => id).filter((id) => clusterFault.test(id)));
  return [...ids].filter((id) => outcomeOf(rows, id, tool) === "survived").length;
}

function isLost({ verdicts }: Row): boolean {
  return (verdicts["gpu-ci"]?.outcome ?? "survived") !== "survived";
}

/** A green that is none, and a log called whole that is none. */
function falseGreens({ rows = [], cancel, log }: JobResult): number {
  const lies = rows.filter(({ verdicts }) => /^false (green|proof)$/.test(verdicts["gpu-ci"]?.outcome ?? ""));
  return lies.length + (cancel?.falseGreens ?? 0) + (log?.outcomes.silent ?? 0);
}
