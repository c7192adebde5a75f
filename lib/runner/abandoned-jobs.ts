import { describeError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { deleteObject, listObjects } from "../kubernetes/object.ts";
import { jobs, type Pod } from "../kubernetes/resource.ts";
import type { Log } from "../log.ts";
import { hasEnded } from "./pod-end.ts";
import { sayOnce } from "./say-once.ts";

/** Annotation of a test's Job that names the pod of the runner which follows it. */
const runnerPodAnnotation = "gpu-ci/runner-pod";

/** Where the runners' Jobs are, and how the names of our runner pods begin; an empty namespace means that nobody said where. */
export interface AbandonedJobsOptions {
  readonly namespace: string;
  readonly prefix: string;
  readonly log: Log;
}

/**
 * Removes the Jobs of runners that are gone: one that was killed could not do it, and its test would hold the GPU until its deadline.
 * What the Job owns goes with it. It looks when a runner has gone since the last time, and once at the beginning.
 */
export function createAbandonedJobs(cluster: Cluster, { namespace, prefix, log }: AbandonedJobsOptions) {
  const say = sayOnce(log);
  let before: ReadonlySet<string> | undefined;
  return async (runnerPods: readonly Pod[], signal: AbortSignal): Promise<void> => {
    const alive = new Set(runnerPods.filter((pod) => !hasEnded(pod)).map(({ metadata }) => metadata?.name ?? ""));
    const isDue = before === undefined || [...before].some((name) => !alive.has(name));
    if (namespace !== "" && isDue) await sweepIfAllowed(alive, signal);
    before = alive;
  };

  async function sweepIfAllowed(alive: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    try {
      await sweep(alive, signal);
      say(undefined);
    } catch (error) {
      // An installation that granted no rights there keeps such Jobs until their own deadline.
      if (!isStatus(error, 403)) throw error;
      say(`Jobs of runners that are gone cannot be removed: ${describeError(error)}`);
    }
  }

  async function sweep(alive: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    const labelSelector = "app.kubernetes.io/managed-by=gpu-ci";
    const { items } = await listObjects(cluster, jobs, { namespace, labelSelector, signal });
    for (const { metadata } of items) {
      const { name = "", uid = "", annotations = {} } = metadata ?? {};
      const runner = annotations[runnerPodAnnotation];
      if (!runner?.startsWith(prefix) || alive.has(runner)) continue;
      log.info(`Job ${name} is removed: runner ${runner}, which followed it, is gone.`);
      await deleteObject(cluster, jobs, name, { namespace, uid, propagationPolicy: "Background", signal });
    }
  }
}
