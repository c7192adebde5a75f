import { deadline } from "../abort.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { followPodLog } from "../kubernetes/pod-log.ts";
import type { Log } from "../log.ts";
import type { RunningShard, RunningTest } from "./engine.ts";
import { collectFiles } from "./kubernetes-collect.ts";
import { needsCollector, testContainer } from "./kubernetes-container.ts";
import type { PodFollower } from "./kubernetes-follower.ts";
import type { JobFollower } from "./kubernetes-job-follower.ts";
import { deleteJob, secretGone } from "./kubernetes-removal.ts";
import { createLogTrailer } from "./log-trailer.ts";
import type { TestPod } from "./test-pod.ts";

/** Removal has this long, also after a cancel: the runner gives 7.5 s before SIGTERM and 2.5 s more. */
const removalTimeoutMs = 60_000;

/** A test of this cluster that is followed. */
export interface RunningOptions {
  readonly cluster: Cluster;
  readonly pod: TestPod;
  readonly follower: JobFollower;
  /** Whether the Secret has its Job as owner; undefined when there is no Secret. */
  readonly owned: Promise<boolean> | undefined;
  readonly deps: { readonly log: Log; readonly signal: AbortSignal };
}

/** The test that is followed, as its engine gives it away; the cluster is closed with its removal. */
export function runningTest(options: RunningOptions): RunningTest {
  let removal: Promise<void> | undefined;
  const remove = () => {
    removal ??= removeRunning(options);
    return removal;
  };
  return {
    shards: options.follower.pods.map((follower) => runningShard(follower, options)),
    remove,
    // A Secret without an owner is nobody's to collect.
    dismiss: async () => ((await options.owned) === false ? remove() : dismissRunning(options)),
  };
}

/** A node takes a second to let go of a pod whose containers have ended: the verdict is not held back for that. */
async function dismissRunning({ cluster, pod, follower }: RunningOptions): Promise<void> {
  using limit = deadline(`Removing Job ${pod.name}`, removalTimeoutMs);
  try {
    await deleteJob(cluster, pod.name, limit.signal);
  } finally {
    follower.close();
    cluster.close();
  }
}

function runningShard(follower: PodFollower, { cluster, pod, deps }: RunningOptions): RunningShard {
  let logGap: string | undefined = "The log was not read.";
  const readLog = async function* () {
    const name = await follower.started;
    if (name === undefined) {
      logGap = undefined;
      return;
    }
    const ended = () => follower.hasEnded();
    const { signal } = deps;
    const whenEnded = follower.ended;
    const follow = followPodLog(cluster, { pod: name, container: testContainer, signal, ended, whenEnded });
    const trailer = createLogTrailer(pod.name);
    try {
      for await (const bytes of follow) {
        yield trailer.push(bytes);
        const receipt = trailer.receipt();
        if (receipt !== undefined) follower.takeReceipt(receipt);
      }
      yield trailer.end();
      logGap = follow.complete() ? undefined : (follow.gap() ?? "The end of the log could not be proven.");
    } catch (error) {
      // A pod that somebody deletes takes its log with it.
      if (!isStatus(error, 404)) throw error;
      logGap = `Pod ${name} was deleted before its log was read to the end.`;
    }
  };
  return {
    podName: () => follower.podName(),
    log: readLog,
    logGap: () => logGap,
    ended: () => follower.ended,
    collect: async (directory) => {
      const name = needsCollector(pod) ? await follower.collecting : undefined;
      if (name === undefined) return [];
      const [addresses, hasEnded] = [follower.addresses(), () => follower.hasEnded()];
      return collectFiles({ cluster, pod: name, addresses, directory, ...deps, hasEnded });
    },
  };
}

async function removeRunning({ cluster, pod, follower, owned, deps }: RunningOptions): Promise<void> {
  using limit = deadline(`Removing Job ${pod.name}`, removalTimeoutMs);
  try {
    if (!deps.signal.aborted) await Promise.all(follower.pods.map((shard) => shard.settled(deps.signal)));
    await deleteJob(cluster, pod.name, limit.signal);
    await follower.gone();
    if (owned === undefined) return;
    const isOwned = await owned;
    // The cluster collects pod and Secret side by side, and the pod takes longer. Only where that is no proof is it asked for.
    if (!isOwned || !follower.hadPod() || deps.signal.aborted)
      await secretGone(cluster, pod.name, isOwned, limit.signal);
  } finally {
    follower.close();
    cluster.close();
  }
}
