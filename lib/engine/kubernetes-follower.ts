import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { type Job, type Pod, pods } from "../kubernetes/resource.ts";
import { type WatchEvent, watchObjects } from "../kubernetes/watch.ts";
import type { Log } from "../log.ts";
import type { Reason } from "../report/conclusion.ts";
import { needsCollector } from "./kubernetes-container.ts";
import { collectorRuns, type PodState, readPodState, type Trouble } from "./kubernetes-pod-state.ts";
import type { End } from "./kubernetes-termination.ts";
import { createTimers } from "./kubernetes-timers.ts";
import { createWaiting } from "./kubernetes-waiting.ts";
import type { Termination, TestPod } from "./test-pod.ts";

export interface FollowOptions {
  readonly cluster: Cluster;
  readonly pod: TestPod;
  readonly job: Job;
  readonly log: Log;
  readonly now: () => Date;
  /** The caller's cancellation: rejects what is waited for; the watch itself goes on until `close`, so that removal can be seen. */
  readonly signal: AbortSignal;
}

/** A test that ended but is still held for its files may run beyond its timeout by this much. */
const collectAllowanceMs = 600_000;
const endAllowanceMs = 15_000;
/** A pod that should be gone but is not, long after its grace period of 3 s: nobody on the node carries the deletion out. */
const deletionAllowanceMs = 40_000;

/** A node reports the end of a pod about a second after that of its container. */
const settleMs = 2000;

/** Follows the one pod of a Job by a single watch: what it waits for, its start, its end, and that it is gone. */
export class PodFollower {
  /** Name of the pod as soon as its container runs or has run; undefined when the verdict came without. */
  readonly started: Promise<string | undefined>;
  /** Name of the pod as soon as its collector can be spoken to; undefined when the verdict came without. */
  readonly collecting: Promise<string | undefined>;
  readonly ended: Promise<Termination>;
  readonly #options: FollowOptions;
  readonly #stop = new AbortController();
  readonly #timers = createTimers();
  readonly #alive = new Set<string>();
  readonly #started = Promise.withResolvers<string | undefined>();
  readonly #collecting = Promise.withResolvers<string | undefined>();
  readonly #ended = Promise.withResolvers<Termination>();
  readonly #waiting: ReturnType<typeof createWaiting>;
  readonly #createdAt: number;
  #name: string | undefined;
  #node: string | undefined;
  #scheduledAt: number | undefined;
  #startedAt: number | undefined;
  #lastMessage = "";
  #podReady = true;
  #hasEnded = false;
  /** Whether the verdict is the container's own end. */
  #hasExited = false;
  #goneWaiter: (() => void) | undefined;
  readonly #settled = Promise.withResolvers<void>();
  #failure: unknown;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#createdAt = options.now().getTime();
    this.#waiting = createWaiting({ ...options, giveUp: (reason, detail) => this.#giveUp(reason, detail) });
    for (const { promise } of [this.#started, this.#collecting, this.#ended]) promise.catch(() => {});
    this.started = this.#started.promise;
    this.collecting = this.#collecting.promise;
    this.ended = this.#ended.promise;
    options.signal.addEventListener("abort", this.#cancel, { once: true });
    this.#timers.set("pending", options.pod.pendingTimeoutMs, () => this.#pendingTimeout());
    this.#timers.set("no-pod", 1000, () => this.#explainMissingPod());
    this.#follow().catch((error: unknown) => this.#fail(error));
  }

  podName(): string | undefined {
    return this.#name;
  }

  /** Whether the test's container is known to have ended. */
  hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * After a container's own end: resolves when the node has done with the pod, or after a moment. A pod is deleted at once then; before,
   * its node first has to say so. With a collector that takes longer than the deletion itself, so there is nothing to wait for.
   */
  async settled(signal: AbortSignal): Promise<void> {
    if (!this.#hasExited || needsCollector(this.#options.pod)) return;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(settleMs)]);
    const expired = new Promise<void>((resolve) => limit.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([this.#settled.promise, expired]);
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
    this.#timers.clear();
    this.#stop.abort(new DomainError("closed", "The test is no longer followed."));
  }

  async #follow(): Promise<void> {
    const { cluster, job, pod } = this.#options;
    const changes = watchObjects(cluster, pods, {
      labelSelector: `batch.kubernetes.io/job-name=${pod.name}`,
      // Versions are those of the whole store: from the Job's own on, every pod of it is seen, without a list before.
      ...(job.metadata?.resourceVersion ? { resourceVersion: job.metadata.resourceVersion } : {}),
      signal: this.#stop.signal,
    });
    for await (const change of changes) this.#take(change);
  }

  #take({ type, object }: WatchEvent<Pod>): void {
    const uid = object.metadata?.uid ?? "";
    if (type === "DELETED") this.#alive.delete(uid);
    else this.#alive.add(uid);
    if (!this.#hasEnded) this.#read(object, type === "DELETED");
    const { phase } = object.status ?? {};
    if (type === "DELETED" || phase === "Succeeded" || phase === "Failed") this.#settled.resolve();
    if (this.#alive.size === 0) this.#goneWaiter?.();
  }

  #read(pod: Pod, isDeleted: boolean): void {
    this.#timers.clear("no-pod");
    this.#name = pod.metadata?.name;
    this.#node = pod.spec?.nodeName ?? this.#node;
    if (this.#node) this.#scheduledAt ??= this.#now();
    if (collectorRuns(pod)) this.#collecting.resolve(this.#name);
    const state = readPodState(pod);
    if (state.phase === "ended") this.#finish(state.end);
    else if (isDeleted) this.#giveUp("pod-deleted", `Somebody deleted pod ${this.#name} before its test had ended.`);
    else this.#advance(pod, state);
  }

  #advance(pod: Pod, state: Exclude<PodState, { phase: "ended" }>): void {
    if (pod.metadata?.deletionTimestamp) this.#timers.setOnce("deletion", deletionAllowanceMs, () => this.#nodeLost());
    if (state.phase === "unscheduled") this.#waiting.unscheduled(state.message);
    if (state.phase === "creating") this.#creating(state.message, state.trouble);
    if (state.phase === "running") this.#running(pod);
  }

  #creating(message: string, trouble: Trouble | undefined): void {
    const text = trouble?.detail ?? message;
    if (text !== "" && text !== this.#lastMessage && trouble?.patienceMs !== 0)
      this.#options.log.info(`Waiting on node ${this.#node}: ${text}`);
    if (text !== "") this.#lastMessage = text;
    // An error and its back-off take turns: patience runs from the first of them.
    if (trouble?.patienceMs === 0) this.#giveUp(trouble.reason, trouble.detail);
    else if (trouble?.patienceMs) {
      this.#timers.setOnce("patience", trouble.patienceMs, () => this.#giveUp(trouble.reason, trouble.detail));
    }
  }

  #running(pod: Pod): void {
    if (this.#startedAt === undefined) this.#begin();
    // A node that is gone makes its pods unready; so does a service that broke, which is no news of the node.
    const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
    const isReady = ready?.status !== "False" || ready.reason === "ContainersNotReady";
    if (!isReady && this.#podReady)
      this.#options.log.info(`Node ${this.#node} may have stopped answering; still following.`);
    this.#podReady = isReady;
  }

  #begin(): void {
    const { pod, log } = this.#options;
    this.#startedAt = this.#now();
    this.#timers.clear("pending");
    this.#timers.clear("patience");
    const allowance = pod.collect.length > 0 ? collectAllowanceMs : endAllowanceMs;
    this.#timers.set("run", pod.timeoutMs + (pod.wrap ? allowance : 0), () => this.#overdue());
    log.info(`Pod ${this.#name} runs on node ${this.#node}; timeout ${formatDuration(pod.timeoutMs)}.`);
    this.#started.resolve(this.#name);
  }

  #overdue(): void {
    const { timeoutMs } = this.#options.pod;
    if (!this.#podReady) this.#nodeLost();
    else this.#giveUp("timed-out", `The test was still running at its timeout of ${formatDuration(timeoutMs)}.`);
  }

  #nodeLost(): void {
    this.#giveUp("node-lost", `Node ${this.#node} stopped answering while pod ${this.#name} was on it.`);
  }

  #pendingTimeout(): void {
    const waited = formatDuration(this.#options.pod.pendingTimeoutMs);
    const last = this.#lastMessage || this.#waiting.lastMessage();
    const where = this.#name ? `Pod ${this.#name}` : `Job ${this.#options.pod.name} (no pod yet)`;
    this.#giveUp("pending-timeout", `${where} had not started within pending-timeout (${waited}). ${last}`.trim());
  }

  #explainMissingPod(): void {
    this.#waiting.withoutPod();
    this.#timers.set("no-pod", 5000, () => this.#explainMissingPod());
  }

  #giveUp(reason: Reason, detail: string): void {
    this.#finish({ exitCode: undefined, reason, detail, gpus: [], startedAt: undefined, finishedAt: undefined });
  }

  #finish(end: End): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#hasExited = end.exitCode !== undefined;
    this.#timers.clear();
    if (end.startedAt && this.#name) this.#started.resolve(this.#name);
    this.#started.resolve(undefined);
    this.#collecting.resolve(undefined);
    this.#ended.resolve({ ...end, node: this.#node, ...this.#times(end) });
  }

  #times(end: End): Pick<Termination, "queueMs" | "pullMs" | "runMs"> {
    const now = this.#now();
    const scheduledAt = this.#scheduledAt ?? now;
    // A test that ended before it was seen running has only the node's whole seconds.
    const byNode = end.startedAt && end.finishedAt ? end.finishedAt.getTime() - end.startedAt.getTime() : 0;
    const runMs = this.#startedAt === undefined ? byNode : now - this.#startedAt;
    const startedAt = this.#startedAt ?? Math.max(scheduledAt, now - runMs);
    return { queueMs: scheduledAt - this.#createdAt, pullMs: startedAt - scheduledAt, runMs };
  }

  readonly #cancel = (): void => this.#fail(this.#options.signal.reason, false);

  #fail(error: unknown, isWatchBroken = true): void {
    if (isWatchBroken) {
      this.#failure = error;
      this.#goneWaiter?.();
    }
    this.#timers.clear();
    this.#hasEnded = true;
    for (const waiter of [this.#started, this.#collecting, this.#ended]) waiter.reject(error);
  }

  #now(): number {
    return this.#options.now().getTime();
  }
}
