import type { Cluster } from "../kubernetes/client.ts";
import { type Pod, pods } from "../kubernetes/resource.ts";
import { type WatchEvent, watchObjects } from "../kubernetes/watch.ts";

/** A Job whose pods are followed. */
export interface FollowedJob {
  readonly name: string;
  /** The Job's own version, when it was just created: versions are those of the whole store, so all of its pods come later. */
  readonly resourceVersion?: string;
}

type Take = (change: WatchEvent<Pod>) => void;

/** What happens to the pods of Jobs, for all Jobs of one engine. */
export interface PodFeed {
  /** Gives every change of a Job's pods to `take` until the signal aborts, whose reason it throws; else it throws what broke the watch. */
  follow(job: FollowedJob, take: Take, signal: AbortSignal): Promise<void>;
}

const jobLabel = "batch.kubernetes.io/job-name";

/**
 * One Job has a watch of its own, which shows nothing else and needs no list. While it lasts, all further ones share a second watch, over all
 * pods of ours in the namespace: a thousand Jobs are two watches.
 */
export function createPodFeed(cluster: Cluster): PodFeed {
  const shared = new SharedFeed(cluster);
  let isTaken = false;
  return {
    follow: async (job, take, signal) => {
      if (isTaken) return shared.follow(job, take, signal);
      isTaken = true;
      try {
        const { name, ...since } = job;
        const changes = watchObjects(cluster, pods, { labelSelector: `${jobLabel}=${name}`, ...since, signal });
        for await (const change of changes) take(change);
      } finally {
        isTaken = false;
      }
    },
  };
}

interface Follower {
  readonly take: Take;
  readonly fail: (error: unknown) => void;
}

/** One watch for as long as anybody follows. It begins with a list, for Jobs come to it in another order than that of their versions. */
class SharedFeed implements PodFeed {
  readonly #cluster: Cluster;
  readonly #followers = new Map<string, Follower>();
  readonly #present = createPresence();
  #stop: AbortController | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async follow({ name }: FollowedJob, take: Take, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    this.#followers.set(name, { take, fail: reject });
    if (this.#stop === undefined) this.#begin();
    for (const object of this.#present.of(name)) take({ type: "ADDED", object });
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#followers.delete(name);
      if (this.#followers.size === 0) this.#end();
    }
  }

  #begin(): void {
    this.#stop = new AbortController();
    const { signal } = this.#stop;
    this.#watch(signal).catch((error: unknown) => {
      if (signal.aborted) return;
      this.#end();
      for (const { fail } of this.#followers.values()) fail(error);
    });
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const labelSelector = `app.kubernetes.io/managed-by=gpu-ci,${jobLabel}`;
    for await (const change of watchObjects(this.#cluster, pods, { labelSelector, signal })) {
      this.#present.note(change);
      this.#followers.get(jobOf(change.object))?.take(change);
    }
  }

  #end(): void {
    this.#stop?.abort();
    this.#stop = undefined;
    this.#present.clear();
  }
}

/** The pods that are there, by their Jobs: a Job's pod may be seen before the Job is followed. */
function createPresence() {
  const jobs = new Map<string, Map<string, Pod>>();
  return {
    of: (job: string): readonly Pod[] => [...(jobs.get(job)?.values() ?? [])],
    clear: () => jobs.clear(),
    note: ({ type, object }: WatchEvent<Pod>): void => {
      const [job, uid] = [jobOf(object), object.metadata?.uid ?? ""];
      const ofJob = jobs.get(job) ?? new Map<string, Pod>();
      if (type === "DELETED") ofJob.delete(uid);
      else ofJob.set(uid, object);
      if (ofJob.size > 0) jobs.set(job, ofJob);
      else jobs.delete(job);
    },
  };
}

function jobOf({ metadata }: Pod): string {
  return metadata?.labels?.[jobLabel] ?? "";
}
