import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg } from "node:os";
import { join } from "node:path";

/** Lines of text with columns of equal width. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** What a figure has to be read with: when and on which machine, under which load (of 1, 5 and 15 minutes). */
export function circumstances(startedAt: Date): { startedAt: string; cpus: number; load: readonly number[] } {
  return {
    startedAt: startedAt.toISOString(),
    cpus: availableParallelism(),
    load: loadavg().map((load) => Math.round(load * 100) / 100),
  };
}

/** Writes a result beside the fault tests. */
export function writeResult(name: string, result: object): void {
  writeFileSync(join(import.meta.dirname, name), `${JSON.stringify(result, null, 2)}\n`);
}

/** The result that is there, or an empty one. */
export function readResult<T extends object>(name: string): Partial<T> {
  try {
    return JSON.parse(readFileSync(join(import.meta.dirname, name), "utf8")) as T;
  } catch {
    return {};
  }
}
