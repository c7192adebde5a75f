import { describeError } from "../error.ts";
import type { Host } from "../host.ts";
import { pods } from "../kubernetes/resource.ts";
import type { DrainSwitch } from "./drain-switch.ts";
import type { RunnerConfig } from "./runner-config.ts";
import { createLook, type Look, type LookOptions, type Seen, type Wanted } from "./runner-look.ts";
import { runnerSelector } from "./runner-pod.ts";
import { sayOnce } from "./say-once.ts";
import { followForEver, followSwitch } from "./switch-follower.ts";
import { createWake } from "./wake.ts";

export interface RunnerControllerOptions extends LookOptions {
  /** What becomes of the runners when the controller is stopped: the next controller finds them, or they are ended. */
  readonly onStop: "keep" | "remove";
  /** Return when the switch says DrainAndTerminate and no runner is left. */
  readonly exitWhenDrained: boolean;
}

type Deps = Pick<Host, "log" | "signal" | "now">;

const stopTimeoutMs = 60_000;
/** Between two looks while something is on its way. */
const soonMs = 1000;

/**
 * Keeps the wanted number of runners until the signal, whose reason it then throws. Each look reads what there is, from the cluster and
 * from the forge, and does what is missing: nothing is remembered that a restart would lose.
 */
export async function runRunnerController(options: RunnerControllerOptions, deps: Deps): Promise<void> {
  const { cluster, config } = options;
  const { log, signal, now } = deps;
  const wake = createWake();
  const drainSwitch = await followSwitch(cluster, { name: config.drainConfigMap, ...deps, onChange: () => wake.now() });
  const labelSelector = runnerSelector(config.release);
  followForEver(cluster, pods, { log, signal, labelSelector, take: () => wake.now() });
  const look = createLook(options, deps, drainSwitch);
  const tryToLook = forgiving(look, deps);
  log.info(`Keeping ${config.replicas} runners of ${config.forge?.url} in namespace ${cluster.namespace}.`);
  while (!signal.aborted) {
    const positions = drainSwitch.positions();
    const seen = await tryToLook({ replicas: config.replicas, positions, signal });
    if (seen?.left === 0 && options.exitWhenDrained && positions.global.state === "DrainAndTerminate") {
      log.info("All runners are drained and the switch says DrainAndTerminate: the controller ends.");
      return;
    }
    await wake.wait(waitMs(config, positions, seen?.isChanging === true, now()), signal);
  }
  if (options.onStop === "remove") await removeAll(look, deps);
  signal.throwIfAborted();
}

/** A look that fails is said once, and the next one begins anew. */
function forgiving(look: Look, { log }: Deps): (wanted: Wanted) => Promise<Seen | undefined> {
  const say = sayOnce(log);
  return async (wanted) => {
    try {
      const seen = await look(wanted);
      say(undefined);
      return seen;
    } catch (error) {
      if (!wanted.signal.aborted) say(describeError(error));
      return undefined;
    }
  };
}

/** Ends what there is, with jobs that run: asked for, and with a deadline of its own. */
async function removeAll(look: Look, deps: Deps): Promise<void> {
  const signal = AbortSignal.timeout(stopTimeoutMs);
  const positions: DrainSwitch = { global: { state: "DrainAndTerminate", endsAtMs: 0 }, nodes: new Map() };
  const tryToLook = forgiving(look, deps);
  deps.log.info("Removing all runners, within 60 s.");
  const wake = createWake();
  while (!signal.aborted) {
    const seen = await tryToLook({ replicas: 0, positions, signal });
    if (seen?.left === 0) return;
    await wake.wait(soonMs, signal);
  }
  deps.log.warning("Some runners are still there after 60 s; the next controller finds them.");
}

function waitMs({ interval }: RunnerConfig, { global, nodes }: DrainSwitch, isChanging: boolean, now: Date): number {
  const ends = [global, ...nodes.values()].flatMap(({ endsAtMs }) => (endsAtMs === undefined ? [] : [endsAtMs]));
  const next = ends.map((end) => end - now.getTime()).filter((ms) => ms > 0);
  return Math.min(isChanging ? Math.min(soonMs, interval) : interval, ...next.map((ms) => ms + 1));
}
