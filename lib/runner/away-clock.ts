import type { Pod } from "../kubernetes/resource.ts";
import type { ForgeRunner } from "./runner-forge.ts";

/** Knows since when a pod's runner has been away from the forge. */
export interface AwayClock {
  /** Takes a look into account and gives the times of all pods whose runner is away now, by uid, in milliseconds since 1970. */
  observe(
    pods: readonly Pod[],
    runners: readonly ForgeRunner[] | undefined,
    nowMs: number,
  ): ReadonlyMap<string, number>;
}

/** A clock for one controller. While the forge itself is away no time passes for its runners. */
export function createAwayClock(): AwayClock {
  let since = new Map<string, number>();
  return {
    observe(pods, runners, nowMs) {
      const next = new Map<string, number>();
      for (const { metadata } of runners === undefined ? [] : pods) {
        const runner = runners?.find(({ name }) => name === metadata?.name);
        const uid = metadata?.uid ?? "";
        if (!runner?.online && !runner?.busy) next.set(uid, since.get(uid) ?? nowMs);
      }
      since = next;
      return since;
    },
  };
}
