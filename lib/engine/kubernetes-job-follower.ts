import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import type { Job, Pod } from "../kubernetes/resource.ts";
import type { WatchEvent } from "../kubernetes/watch.ts";
import type { Log } from "../log.ts";
import { PodFollower } from "./kubernetes-follower.ts";
import { createPodFeed, type PodFeed } from "./kubernetes-pod-feed.ts";
import { createWaiting, type Waiting } from "./kubernetes-waiting.ts";
import type { TestPod } from "./test-pod.ts";

export interface JobFollowOptions {
  readonly cluster: Cluster;
  readonly pod: TestPod;
  readonly job: Job;
  readonly log: Log;
  readonly now: () => Date;
  /** The caller's cancellation: rejects what is waited for; the watch itself goes on until `close`, so that removal can be seen. */
  readonly signal: AbortSignal;
  /** Shared by the Jobs of one engine; default is a watch for this Job alone. */
  readonly feed?: PodFeed;
  /** Whether it may be asked now why this Job waits; default is always. */
  readonly mayExplain?: () => boolean;
  /** Whether the Job was there before: then what happened until now has its times from the cluster. */
  readonly isResumed?: boolean;
}

const indexLabel = "batch.kubernetes.io/job-completion-index";

/** Follows all pods of a Job by a single watch, one follower for each shard. */
export class JobFollower {
  /** In the order of their indexes. */
  readonly pods: readonly PodFollower[];
  readonly #options: JobFollowOptions;
  readonly #stop = new AbortController();
  readonly #waiting: Waiting;
  readonly #alive = new Set<string>();
  #hadPod = false;
  #goneWaiter: (() => void) | undefined;
  #failure: unknown;

  constructor(options: JobFollowOptions) {
    this.#options = options;
    this.#waiting = createWaiting({
      ...options,
      giveUp: (reason, detail) => {
        for (const follower of this.pods) follower.giveUpWaiting(reason, detail);
      },
    });
    const { pod, job, now, isResumed = false } = options;
    const createdAt = isResumed ? new Date(job.metadata?.creationTimestamp ?? now()) : now();
    this.pods = Array.from({ length: pod.shards }, (_, index) => {
      const isAnotherRunning = () => this.pods.some((other, at) => at !== index && other.isRunning());
      const log = pod.shards > 1 ? prefixed(options.log, `Shard ${index}: `) : options.log;
      return new PodFollower({ pod, log, now, waiting: this.#waiting, isAnotherRunning, createdAt, isResumed });
    });
    options.signal.addEventListener("abort", this.#cancel, { once: true });
    this.#follow().catch((error: unknown) => {
      this.#failure = error;
      this.#goneWaiter?.();
      this.#fail(error);
    });
  }

  /** Whether a pod of the Job was ever seen. */
  hadPod(): boolean {
    return this.#hadPod;
  }

  /** Resolves when no pod of the Job is left; rejects when the watch broke. */
  gone(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#alive.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#goneWaiter = resolve;
    });
  }

  close(): void {
    this.#options.signal.removeEventListener("abort", this.#cancel);
    for (const follower of this.pods) follower.close();
    this.#waiting.close();
    this.#stop.abort(new DomainError("closed", "The test is no longer followed."));
  }

  async #follow(): Promise<void> {
    const { cluster, job, pod, isResumed } = this.#options;
    const { resourceVersion } = job.metadata ?? {};
    const feed = this.#options.feed ?? createPodFeed(cluster);
    await feed.follow(
      // A pod of a Job that is new is seen from the Job's own version on, without a list before.
      { name: pod.name, ...(resourceVersion && !isResumed ? { resourceVersion } : {}) },
      (change) => this.#take(change),
      this.#stop.signal,
    );
  }

  #take(change: WatchEvent<Pod>): void {
    const { uid = "", labels = {}, annotations = {} } = change.object.metadata ?? {};
    if (change.type === "DELETED") this.#alive.delete(uid);
    else this.#alive.add(uid);
    this.#hadPod = true;
    this.pods[Number(annotations[indexLabel] ?? labels[indexLabel] ?? 0)]?.take(change);
    if (this.#alive.size === 0) this.#goneWaiter?.();
  }

  readonly #cancel = (): void => this.#fail(this.#options.signal.reason);

  #fail(error: unknown): void {
    for (const follower of this.pods) follower.fail(error);
  }
}

function prefixed(log: Log, prefix: string): Log {
  return {
    ...log,
    info: (message) => log.info(`${prefix}${message}`),
    warning: (message) => log.warning(`${prefix}${message}`),
    debug: (message) => log.debug(`${prefix}${message}`),
  };
}
