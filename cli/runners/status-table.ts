import { formatDuration } from "../../lib/duration.ts";
import type { SwitchPosition } from "../../lib/runner/drain-switch.ts";
import type { RunnerStatus } from "../../lib/runner/runner-status.ts";
import { columns } from "../columns.ts";

/** The status as a person reads it: the switch first, then a line for each runner. */
export function statusTable(status: RunnerStatus, now: Date): string {
  const { namespace, global, nodes, mistakes, runners } = status;
  const overrides = [...nodes].map(([node, position]) => `  node ${node}: ${positionText(position, now)}`);
  const head = [`Runners in namespace ${namespace}: ${positionText(global, now)}`, ...overrides];
  const warnings = mistakes.map((mistake) => `  warning: ${mistake}`);
  if (runners.length === 0) return `${[...head, ...warnings, "No runner is there."].join("\n")}\n`;
  const rows = runners.map(({ name, node, activity, ageMs, detail }) => [
    name,
    node ?? "-",
    activity,
    formatDuration(ageMs),
    detail ?? "",
  ]);
  return `${[...head, ...warnings, "", ...columns([["RUNNER", "NODE", "STATE", "AGE", ""], ...rows])].join("\n")}\n`;
}

/** A position in words: `Running`, or `DrainAndSuspend, jobs are ended in 12 m 3 s`. */
export function positionText({ state, endsAtMs }: SwitchPosition, now: Date): string {
  if (state === "Running") return "Running";
  if (endsAtMs === undefined) return `${state}, running jobs finish`;
  const leftMs = endsAtMs - now.getTime();
  return leftMs > 0
    ? `${state}, running jobs are ended in ${formatDuration(leftMs)}`
    : `${state}, its deadline has passed`;
}
