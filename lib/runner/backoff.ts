import type { Pod } from "../kubernetes/resource.ts";
import { hasFailed } from "./pod-end.ts";
import { activityLabel } from "./runner-pod.ts";

/** Keeps a runner that cannot start from being made anew without end. */
export interface Backoff {
  /** Takes a look into account; false while the next runner has to wait. */
  observe(pods: readonly Pod[], nowMs: number): boolean;
}

const firstMs = 5000;
const longestMs = 300_000;

/** Waits 5 s after a runner that failed before it was ever seen, twice as long after each further one, 5 min at most. */
export function createBackoff(): Backoff {
  const counted = new Set<string>();
  let failures = 0;
  let holdUntilMs = 0;
  return {
    observe(pods, nowMs) {
      // One that is being deleted was ended, by a drain for instance: that is no failure of its own.
      for (const pod of pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined)) {
        const uid = pod.metadata?.uid ?? "";
        if (pod.metadata?.labels?.[activityLabel] !== "starting") {
          failures = 0;
          holdUntilMs = 0;
        } else if (hasFailed(pod) && !counted.has(uid)) {
          counted.add(uid);
          holdUntilMs = nowMs + Math.min(longestMs, firstMs * 2 ** failures);
          failures++;
        }
      }
      return nowMs >= holdUntilMs;
    },
  };
}
