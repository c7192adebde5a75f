import { deadline, sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { InputError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import type { DrainSwitch } from "./drain-switch.ts";
import { type RunnerLine, type RunnerStatus, readPositions, readRunnerStatus } from "./runner-status.ts";
import { clearNodeState, setDrainState } from "./set-drain-state.ts";

/** Which runners, by which switch. */
export interface RunnersOfSwitch {
  /** Name of the global ConfigMap. */
  readonly name: string;
  /** Undefined stands for all nodes. */
  readonly node: string | undefined;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** How often a drain that is waited for looks for runners that are left. */
const lookMs = 1000;

/** Lets runners take jobs again; gives the switch as it stood before. */
export async function resumeRunners(
  cluster: Cluster,
  { name, node, now, signal }: RunnersOfSwitch,
): Promise<DrainSwitch> {
  const { positions } = await readPositions(cluster, { drainConfigMap: name, now: now(), signal });
  // Without a position of its own the node follows the next drain of all; while all are drained it needs one.
  if (node !== undefined && positions.global.state === "Running") await clearNodeState(cluster, name, node, signal);
  else await setDrainState(cluster, { name, node, state: "Running", deadline: undefined, signal });
  return positions;
}

/** Waits until no runner is left, and says each change of which are. Throws DomainError `deadline-exceeded`. */
export async function waitForNoRunner(
  cluster: Cluster,
  runners: RunnersOfSwitch,
  { timeoutMs, say }: { readonly timeoutMs: number; readonly say: (line: string) => void },
): Promise<RunnerStatus> {
  const { name: drainConfigMap, node, now } = runners;
  using limit = deadline(`Draining ${node ?? "all runners"}`, timeoutMs, runners.signal);
  const { signal } = limit;
  let before = "";
  for (;;) {
    const status = await readRunnerStatus(cluster, { drainConfigMap, now: now(), signal });
    const left = runnersOn(status.runners, node);
    if (left.length === 0) return status;
    const line = left.map(({ name, activity }) => `${name} (${activity})`).join(", ");
    if (line !== before) say(`Waiting for ${line}, at most ${formatDuration(timeoutMs)} in all.`);
    before = line;
    await sleep(lookMs, signal);
  }
}

/** The runners of one node, or all of them. */
export function runnersOn(runners: readonly RunnerLine[], node: string | undefined): readonly RunnerLine[] {
  return runners.filter((runner) => node === undefined || runner.node === node);
}

/** Throws InputError for what cannot be part of an object's name, as a node or a switch is. */
export function requireObjectName(input: string, value: string, allowed: string): void {
  if (!/^[a-z0-9]([-.a-z0-9]{0,230}[a-z0-9])?$/.test(value)) throw new InputError(input, value, allowed);
}
