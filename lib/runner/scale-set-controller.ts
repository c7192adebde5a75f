import { describeError } from "../error.ts";
import type { Host } from "../host.ts";
import type { Cluster } from "../kubernetes/client.ts";
import type { RunnerConfig } from "./runner-config.ts";
import { warnOn } from "./runner-event.ts";
import { sayOnce } from "./say-once.ts";
import { applyToScaleSet } from "./scale-set.ts";
import { followSwitch } from "./switch-follower.ts";
import { createWake } from "./wake.ts";

/**
 * Mode arc: brings GitHub's scale set to what the switch says until the signal, whose reason it then throws. ARC places its runners itself, so
 * that the positions of single nodes cannot be followed: an Event says so.
 */
export async function runScaleSetController(
  { cluster, config }: { readonly cluster: Cluster; readonly config: RunnerConfig },
  deps: Pick<Host, "log" | "signal" | "now">,
): Promise<void> {
  const { log, signal } = deps;
  const wake = createWake();
  const drainSwitch = await followSwitch(cluster, { name: config.drainConfigMap, ...deps, onChange: () => wake.now() });
  const say = sayOnce(log);
  log.info(`Following the switch for scale set ${config.scaleSet} in namespace ${cluster.namespace}.`);
  let told = "";
  while (!signal.aborted) {
    const { global, nodes } = drainSwitch.positions();
    try {
      await applyToScaleSet(cluster, { name: config.scaleSet, position: global }, deps);
      const names = [...nodes.keys()].join(", ");
      if (names !== "" && names !== told) {
        const message = `A scale set cannot be drained on single nodes (${names}): cordon them, or drain all.`;
        await warnOn(
          cluster,
          { object: drainSwitch.globalConfigMap() ?? {}, reason: "NodeDrainIgnored", message },
          deps,
        );
      }
      told = names;
      say(undefined);
    } catch (error) {
      if (!signal.aborted) say(describeError(error));
    }
    const untilEnd = (global.endsAtMs ?? Number.POSITIVE_INFINITY) - deps.now().getTime();
    await wake.wait(untilEnd > 0 ? Math.min(config.interval, untilEnd + 1) : config.interval, signal);
  }
  signal.throwIfAborted();
}
