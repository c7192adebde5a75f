import type { End } from "./kubernetes-termination.ts";
import type { Termination } from "./test-pod.ts";

export interface PodTimesOptions {
  readonly now: () => Date;
  readonly createdAt: Date;
  /** Whether the pod was there before it is followed: then what has happened already has its time from the cluster. */
  readonly isResumed: boolean;
}

/** When a pod was asked for, got its node and started, in milliseconds by our clock: the cluster's has whole seconds and is another. */
export class PodTimes {
  readonly #options: PodTimesOptions;
  #scheduledAt: number | undefined;
  #startedAt: number | undefined;

  constructor(options: PodTimesOptions) {
    this.#options = options;
  }

  hasNode(): boolean {
    return this.#scheduledAt !== undefined;
  }

  hasStarted(): boolean {
    return this.#startedAt !== undefined;
  }

  /** Milliseconds since the creation. */
  waited(): number {
    return this.#now() - this.#options.createdAt.getTime();
  }

  /** Milliseconds since the start. */
  ran(): number {
    return this.#startedAt === undefined ? 0 : this.#now() - this.#startedAt;
  }

  /** The pod is seen on its node, since `clusterTime` by the cluster. */
  seeNode(clusterTime: string | undefined): void {
    this.#scheduledAt ??= this.#timeOf(clusterTime);
  }

  /** The container is seen running. */
  seeStart(clusterTime: string | undefined): void {
    this.#startedAt ??= this.#timeOf(clusterTime);
  }

  /** The times of a test that ended now. */
  of(end: End): Pick<Termination, "queueMs" | "pullMs" | "runMs"> {
    const now = this.#now();
    const scheduledAt = this.#scheduledAt ?? now;
    // A test without a receipt that ended before it was seen running has only the node's whole seconds.
    const byNode = end.startedAt && end.finishedAt ? end.finishedAt.getTime() - end.startedAt.getTime() : 0;
    const runMs = end.runMs ?? (this.#startedAt === undefined ? byNode : now - this.#startedAt);
    const startedAt = this.#startedAt ?? Math.max(scheduledAt, now - runMs);
    return { queueMs: scheduledAt - this.#options.createdAt.getTime(), pullMs: startedAt - scheduledAt, runMs };
  }

  #timeOf(clusterTime: string | undefined): number {
    const now = this.#now();
    return this.#options.isResumed && clusterTime !== undefined ? Math.min(now, Date.parse(clusterTime)) : now;
  }

  #now(): number {
    return this.#options.now().getTime();
  }
}
