import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { getObject, listObjects } from "../kubernetes/object.ts";
import { events, jobs, nodes, type Pod, pods } from "../kubernetes/resource.ts";
import type { Log } from "../log.ts";
import type { Reason } from "../report/conclusion.ts";
import { judgeRefusal } from "./kubernetes-admission.ts";
import { explainCapacity, holdersOf } from "./kubernetes-capacity.ts";
import type { TestPod } from "./test-pod.ts";

export interface WaitingOptions {
  readonly cluster: Cluster;
  readonly pod: TestPod;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Ends the wait: it can never succeed. */
  readonly giveUp: (reason: Reason, detail: string) => void;
}

/** Says why a test has not started. */
export interface Waiting {
  /** The scheduler said why no node takes the pod. */
  unscheduled(message: string): void;
  /** The Job has no pod yet. */
  withoutPod(): void;
  lastMessage(): string;
}

/**
 * Explains waiting in words, once for each new cause, and gives up at once on the impossible. A right that is missing (nodes, events, pods
 * elsewhere) costs the explanation and nothing else.
 */
export function createWaiting(options: WaitingOptions): Waiting {
  let last = "";
  const say = (message: string): void => {
    if (message === "" || message === last) return;
    last = message;
    options.log.info(`Waiting: ${message}`);
  };
  let isRefused = false;
  let isLooking = false;
  const look = (action: () => Promise<void>): void => {
    action().catch((error: unknown) => {
      if (options.signal.aborted || isRefused) return;
      isRefused = isStatus(error, 403);
      options.log.info(
        `Why it waits cannot be told in full: ${error instanceof Error ? error.message : String(error)}`,
      );
    });
  };
  return {
    lastMessage: () => last,
    unscheduled: (message) => {
      if (message === last) return;
      say(message);
      if (message !== "") look(() => explainUnschedulable(options));
    },
    withoutPod: () => {
      // Each shard without a pod asks; one answer is for all.
      if (isLooking) return;
      isLooking = true;
      look(() => explainMissingPod(options, say).finally(() => (isLooking = false)));
    },
  };
}

async function explainUnschedulable({ cluster, pod, log, giveUp, signal }: WaitingOptions): Promise<void> {
  const { items } = await listObjects(cluster, nodes, { signal });
  const capacity = explainCapacity(items, pod);
  if (capacity?.isImpossible) return giveUp("unschedulable", capacity.words);
  if (capacity) log.info(`Waiting: ${capacity.words}`);
  if (pod.gpus === 0) return;
  const running = await listObjects<Pod>(cluster, pods, {
    allNamespaces: true,
    fieldSelector: "status.phase=Running",
    signal,
  });
  const holders = holdersOf(running.items, pod.gpuResource);
  if (holders !== "") log.info(`Waiting: ${pod.gpuResource} is held by ${holders}.`);
}

async function explainMissingPod(
  { cluster, pod, giveUp, signal }: WaitingOptions,
  say: (message: string) => void,
): Promise<void> {
  const job = await getObject(cluster, jobs, pod.name, { signal });
  if (!job) return giveUp("pod-deleted", `Somebody deleted Job ${pod.name} before it had a pod.`);
  if (job.spec?.suspend)
    return say(`Job ${pod.name} is suspended until queue ${pod.placement.queueName ?? ""} admits it.`);
  const { items } = await listObjects(cluster, events, {
    fieldSelector: `involvedObject.kind=Job,involvedObject.name=${pod.name}`,
    signal,
  });
  const refused = items.findLast(({ reason }) => reason === "FailedCreate");
  if (!refused?.message) return say(`Job ${pod.name} has no pod yet.`);
  const refusal = judgeRefusal(refused.message, pod);
  if (refusal.isFinal) giveUp("admission-refused", refusal.words);
  else say(refusal.words);
}
