import { parseDuration } from "../duration.ts";
import type { ConfigMap } from "../kubernetes/resource.ts";

const states = ["Running", "DrainAndSuspend", "DrainAndTerminate"] as const;

/** `Running` takes jobs; the other two take no new ones, let running ones finish, and end the runners then. */
export type RunnerState = (typeof states)[number];

/** One position of the switch: global, or of one node. */
export interface SwitchPosition {
  readonly state: RunnerState;
  /** When running jobs are ended, in milliseconds since 1970; undefined lets them finish. */
  readonly endsAtMs: number | undefined;
}

/** All positions that are in force. */
export interface DrainSwitch {
  readonly global: SwitchPosition;
  readonly nodes: ReadonlyMap<string, SwitchPosition>;
}

/** A ConfigMap whose value cannot be used; it changes nothing. */
export interface SwitchMistake {
  readonly configMap: ConfigMap;
  readonly message: string;
}

/** Everything runs: what holds where no ConfigMap says otherwise. */
export const running: SwitchPosition = { state: "Running", endsAtMs: undefined };

/**
 * Reads the switch from the ConfigMaps `<name>`, where no STATE means Running, and `<name>-<node>`. A bad STATE is ignored: what was in force before stays, or where
 * nothing was, the ConfigMap counts as absent. A DEADLINE runs from the last change of its ConfigMap's data.
 */
export function readDrainSwitch(
  configMaps: readonly ConfigMap[],
  options: { readonly name: string; readonly before: DrainSwitch | undefined; readonly nowMs: number },
): { readonly positions: DrainSwitch; readonly mistakes: readonly SwitchMistake[] } {
  const { name, before, nowMs } = options;
  const nodes = new Map<string, SwitchPosition>();
  const mistakes: SwitchMistake[] = [];
  let global = running;
  for (const configMap of configMaps) {
    const node = nodeOf(configMap, name);
    if (node === undefined) continue;
    const last = node === "" ? before?.global : before?.nodes.get(node);
    const { position, mistake } = readPosition(configMap, last, nowMs);
    if (mistake !== undefined) mistakes.push({ configMap, message: mistake });
    if (node === "") global = position ?? running;
    else if (position !== undefined) nodes.set(node, position);
  }
  return { positions: { global, nodes }, mistakes };
}

/** What holds for a pod on this node; the node wins over global. A pod without a node yet follows global. */
export function positionOf({ global, nodes }: DrainSwitch, node: string | undefined): SwitchPosition {
  return (node === undefined ? undefined : nodes.get(node)) ?? global;
}

/** The node that a ConfigMap of the switch is for: empty for the global one, undefined when it is none of the switch. */
export function nodeOf(configMap: ConfigMap, name: string): string | undefined {
  const own = configMap.metadata?.name ?? "";
  if (own === name) return "";
  // Other ConfigMaps may share the prefix: those of the switch say so by their key.
  return own.startsWith(`${name}-`) && configMap.data?.STATE !== undefined ? own.slice(name.length + 1) : undefined;
}

interface Reading {
  readonly position: SwitchPosition | undefined;
  readonly mistake?: string;
}

function readPosition(configMap: ConfigMap, last: SwitchPosition | undefined, nowMs: number): Reading {
  const { STATE = "", DEADLINE = "" } = configMap.data ?? {};
  const name = configMap.metadata?.name;
  const state = states.find((word) => word === (STATE.trim() || "Running"));
  if (state === undefined) {
    const mistake = `STATE of ConfigMap ${name} is ${JSON.stringify(STATE)} and is ignored; allowed: ${states.join(", ")}.`;
    return { position: last, mistake };
  }
  if (state === "Running" || DEADLINE.trim() === "") return { position: { state, endsAtMs: undefined } };
  const deadlineMs = parseDuration(DEADLINE.trim());
  if (deadlineMs === undefined) {
    const mistake = `DEADLINE of ConfigMap ${name} is ${JSON.stringify(DEADLINE)} and is ignored; allowed: a duration such as 90s, 30m, 2h.`;
    return { position: { state, endsAtMs: undefined }, mistake };
  }
  return { position: { state, endsAtMs: changedAtMs(configMap, last, deadlineMs, nowMs) + deadlineMs } };
}

/** The API server notes for each writer when it last changed its fields: that also holds after a restart of the controller. */
function changedAtMs(
  configMap: ConfigMap,
  last: SwitchPosition | undefined,
  deadlineMs: number,
  nowMs: number,
): number {
  const times = (configMap.metadata?.managedFields ?? [])
    .filter(({ fieldsV1 }) => fieldsV1 !== undefined && "f:data" in fieldsV1)
    .map(({ time }) => Date.parse(time ?? ""))
    .filter(Number.isFinite);
  if (times.length > 0) return Math.max(...times);
  return last?.endsAtMs === undefined ? nowMs : last.endsAtMs - deadlineMs;
}
