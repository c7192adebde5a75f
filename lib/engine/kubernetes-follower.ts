import { formatDuration } from "../duration.ts";
import type { Pod } from "../kubernetes/resource.ts";
import type { WatchEvent } from "../kubernetes/watch.ts";
import type { Log } from "../log.ts";
import type { Reason } from "../report/conclusion.ts";
import { needsCollector } from "./kubernetes-container.ts";
import {
  addressesOf,
  collectorRuns,
  type PodAddresses,
  type PodState,
  readPodState,
  scheduledTime,
  startTime,
  type Trouble,
} from "./kubernetes-pod-state.ts";
import { PodTimes, type PodTimesOptions } from "./kubernetes-pod-times.ts";
import { type End, endByReceipt } from "./kubernetes-termination.ts";
import { createTimers } from "./kubernetes-timers.ts";
import type { Waiting } from "./kubernetes-waiting.ts";
import type { Termination, TestPod } from "./test-pod.ts";

export interface FollowOptions extends PodTimesOptions {
  readonly pod: TestPod;
  readonly log: Log;
  readonly waiting: Waiting;
  /** Whether another pod of the same Job runs: this one may be waiting for what that one holds. */
  readonly isAnotherRunning: () => boolean;
}

/** A test that ended but is still held for its files may run beyond its timeout by this much. */
const collectAllowanceMs = 600_000;
const endAllowanceMs = 15_000;
/** A pod that should be gone but is not, long after its grace period of 3 s: nobody on the node carries the deletion out. */
const deletionAllowanceMs = 40_000;

/** Also a pod that is resumed late is looked at before it is given up. */
const firstLookMs = 15_000;
/** A node reports the end of a pod about a second after that of its container. */
const settleMs = 2000;

/** Follows one pod of a Job by what a watch tells of it: what it waits for, its start, its end. */
export class PodFollower {
  /** Name of the pod as soon as its container runs or has run; undefined when the verdict came without. */
  readonly started: Promise<string | undefined>;
  /** Name of the pod as soon as its collector can be spoken to; undefined when the verdict came without. */
  readonly collecting: Promise<string | undefined>;
  readonly ended: Promise<Termination>;
  readonly #options: FollowOptions;
  readonly #timers = createTimers();
  readonly #started = Promise.withResolvers<string | undefined>();
  readonly #collecting = Promise.withResolvers<string | undefined>();
  readonly #ended = Promise.withResolvers<Termination>();
  readonly #times: PodTimes;
  /** As it was seen last. */
  #pod: Pod | undefined;
  #name: string | undefined;
  #node: string | undefined;
  #lastMessage = "";
  #podReady = true;
  #hasEnded = false;
  /** Whether the verdict is the container's own end. */
  #hasExited = false;
  readonly #settled = Promise.withResolvers<void>();

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#times = new PodTimes(options);
    for (const { promise } of [this.#started, this.#collecting, this.#ended]) promise.catch(() => {});
    this.started = this.#started.promise;
    this.collecting = this.#collecting.promise;
    this.ended = this.#ended.promise;
    const { pendingTimeoutMs } = options.pod;
    const pendingMs = options.isResumed
      ? Math.max(firstLookMs, pendingTimeoutMs - this.#times.waited())
      : pendingTimeoutMs;
    this.#timers.set("pending", pendingMs, () => this.#pendingTimeout());
    this.#timers.set("no-pod", 1000, () => this.#explainMissingPod());
  }

  podName(): string | undefined {
    return this.#name;
  }

  isRunning(): boolean {
    return this.#times.hasStarted() && !this.#hasEnded;
  }

  /** Whether the test's container is known to have ended. */
  hasEnded(): boolean {
    return this.#hasEnded;
  }

  /**
   * After a container's own end: resolves when the node has done with the pod, or after a moment. A pod is deleted at once then; before,
   * its node first has to say so. With sidecars that takes longer than the deletion itself, so there is nothing to wait for.
   */
  async settled(signal: AbortSignal): Promise<void> {
    const { pod } = this.#options;
    if (!this.#hasExited || needsCollector(pod) || pod.services.length > 0) return;
    const limit = AbortSignal.any([signal, AbortSignal.timeout(settleMs)]);
    const expired = new Promise<void>((resolve) => limit.addEventListener("abort", () => resolve(), { once: true }));
    await Promise.race([this.#settled.promise, expired]);
  }

  addresses(): PodAddresses | undefined {
    return this.#pod && addressesOf(this.#pod);
  }

  /** Takes one change of the pod. */
  take({ type, object }: WatchEvent<Pod>): void {
    if (!this.#hasEnded) this.#read(object, type === "DELETED");
    const { phase } = object.status ?? {};
    if (type === "DELETED" || phase === "Succeeded" || phase === "Failed") this.#settled.resolve();
  }

  /** Takes the receipt with which the wrapper ended the log: a node looks at its containers once a second, and says the same later. */
  takeReceipt(text: string): void {
    const end = this.#pod && endByReceipt(this.#pod, text);
    if (end) this.#finish(end);
  }

  /** Ends the wait of a pod that is on no node yet. */
  giveUpWaiting(reason: Reason, detail: string): void {
    if (!this.#times.hasNode()) this.#giveUp(reason, detail);
  }

  /** Nothing more will be known: what is waited for rejects. */
  fail(error: unknown): void {
    this.#timers.clear();
    this.#hasEnded = true;
    for (const waiter of [this.#started, this.#collecting, this.#ended]) waiter.reject(error);
  }

  /** Ends all timers. */
  close(): void {
    this.#timers.clear();
  }

  #read(pod: Pod, isDeleted: boolean): void {
    this.#timers.clear("no-pod");
    this.#pod = pod;
    this.#name = pod.metadata?.name;
    this.#node = pod.spec?.nodeName ?? this.#node;
    if (this.#node) this.#times.seeNode(scheduledTime(pod));
    if (collectorRuns(pod)) this.#collecting.resolve(this.#name);
    const state = readPodState(pod);
    if (state.phase === "ended") this.#finish(state.end);
    else if (isDeleted) this.#deleted(pod);
    else this.#advance(pod, state);
  }

  #advance(pod: Pod, state: Exclude<PodState, { phase: "ended" }>): void {
    if (pod.metadata?.deletionTimestamp) this.#timers.setOnce("deletion", deletionAllowanceMs, () => this.#nodeLost());
    if (state.phase === "unscheduled") this.#options.waiting.unscheduled(pod, state.message);
    if (state.phase === "creating") this.#creating(state.message, state.trouble);
    if (state.phase === "running") this.#running(pod);
  }

  /** What the cluster itself removes it marks before. */
  #deleted(pod: Pod): void {
    const disruption = pod.status?.conditions?.find(
      ({ type, status }) => type === "DisruptionTarget" && status === "True",
    );
    if (!disruption) this.#giveUp("pod-deleted", `Somebody deleted pod ${this.#name} before its test had ended.`);
    else this.#giveUp("evicted", `Pod ${this.#name} was removed: ${disruption.message ?? disruption.reason}`);
  }

  #creating(message: string, trouble: Trouble | undefined): void {
    const text = trouble?.detail ?? message;
    if (this.#name) this.#options.waiting.creating(this.#name, (reason, detail) => this.#giveUp(reason, detail));
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
    if (!this.#times.hasStarted()) this.#begin(startTime(pod));
    // A node that is gone makes its pods unready; so does a service that broke, which is no news of the node.
    const ready = pod.status?.conditions?.find(({ type }) => type === "Ready");
    const isReady = ready?.status !== "False" || ready.reason === "ContainersNotReady";
    if (!isReady && this.#podReady)
      this.#options.log.info(`Node ${this.#node} may have stopped answering; still following.`);
    this.#podReady = isReady;
  }

  #begin(clusterTime: string | undefined): void {
    const { pod, log } = this.#options;
    this.#times.seeStart(clusterTime);
    if (this.#name) this.#options.waiting.over(this.#name);
    this.#timers.clear("pending");
    this.#timers.clear("patience");
    const allowance = pod.collect.length > 0 ? collectAllowanceMs : endAllowanceMs;
    this.#timers.set("run", Math.max(0, pod.timeoutMs - this.#times.ran()) + (pod.wrap ? allowance : 0), () =>
      this.#overdue(),
    );
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
    if (this.#options.isAnotherRunning()) {
      this.#timers.set("pending", this.#options.pod.pendingTimeoutMs, () => this.#pendingTimeout());
      return;
    }
    const waited = formatDuration(this.#options.pod.pendingTimeoutMs);
    const last = this.#lastMessage || this.#options.waiting.lastMessage();
    const where = this.#name ? `Pod ${this.#name}` : `Job ${this.#options.pod.name} (no pod yet)`;
    this.#giveUp("pending-timeout", `${where} had not started within pending-timeout (${waited}). ${last}`.trim());
  }

  #explainMissingPod(): void {
    this.#options.waiting.withoutPod();
    this.#timers.set("no-pod", 5000, () => this.#explainMissingPod());
  }

  #giveUp(reason: Reason, detail: string): void {
    this.#finish({ exitCode: undefined, reason, detail, gpus: [], startedAt: undefined, finishedAt: undefined });
  }

  #finish(end: End): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#hasExited = end.exitCode !== undefined;
    if (this.#name) this.#options.waiting.over(this.#name);
    this.#timers.clear();
    if (end.startedAt && this.#name) this.#started.resolve(this.#name);
    this.#started.resolve(undefined);
    this.#collecting.resolve(undefined);
    this.#ended.resolve({ ...end, node: this.#node, ...this.#times.of(end) });
  }
}
