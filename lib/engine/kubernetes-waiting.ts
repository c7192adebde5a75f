import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { listObjects } from "../kubernetes/object.ts";
import { nodes, type Pod, pods } from "../kubernetes/resource.ts";
import type { Log } from "../log.ts";
import { findDenial } from "./kubernetes-denial.ts";
import { explainMissingPod } from "./kubernetes-missing-pod.ts";
import { explainPlacement } from "./kubernetes-placement.ts";
import { explainCreation, explainVolumes, type GiveUp } from "./kubernetes-pod-events.ts";
import { createTimers } from "./kubernetes-timers.ts";
import type { TestPod } from "./test-pod.ts";

export interface WaitingOptions {
  readonly cluster: Cluster;
  readonly pod: TestPod;
  readonly log: Log;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  /** Whether it may be asked now: with many Jobs at once it is not always. */
  readonly mayExplain?: () => boolean;
  /** Of every pod that is on no node yet. */
  readonly giveUp: GiveUp;
}

/** Says why a test has not started. */
export interface Waiting {
  /** The scheduler has no node for this pod, and said why. */
  unscheduled(pod: Pod, message: string): void;
  /** This pod is on a node and its containers are made; `isOver` tells when they have been. */
  creating(podName: string, giveUp: GiveUp): void;
  /** The pod of this name waits no longer. */
  over(podName: string): void;
  /** The Job has no pod yet. */
  withoutPod(): void;
  lastMessage(): string;
  close(): void;
}

/** How long a cause is taken to be the same: who holds a GPU changes without a word to those who wait. */
const againMs = 30_000;
/** A node makes most containers faster than this. */
const creatingMs = 5000;

/**
 * Explains waiting in words, once for each new cause, and gives up at once on the impossible. A right that is missing (nodes, events, pods
 * elsewhere) costs its part of the explanation and nothing else, and is named once.
 */
export function createWaiting(options: WaitingOptions): Waiting {
  const view = createView(options);
  const timers = createTimers();
  const unscheduled = new Map<string, Pod>();
  const look = createLook(view.failed, options.mayExplain);
  const explainUnscheduled = (): void => {
    const [pod] = unscheduled.values();
    if (!pod) return;
    look("placement", () => explainUnschedulable(pod, options, view));
    timers.set("placement", againMs, explainUnscheduled);
  };
  const explainCreating = (podName: string, giveUp: GiveUp): void => {
    look(podName, () => explainCreation(podName, { ...options, say: view.say, giveUp }));
    timers.set(podName, againMs, () => explainCreating(podName, giveUp));
  };
  return {
    lastMessage: view.last,
    unscheduled: (pod, message) => {
      view.say(message);
      unscheduled.set(pod.metadata?.name ?? "", pod);
      if (message !== "") explainUnscheduled();
    },
    creating: (podName, giveUp) => {
      unscheduled.delete(podName);
      timers.setOnce(podName, creatingMs, () => explainCreating(podName, giveUp));
    },
    over: (podName) => {
      unscheduled.delete(podName);
      timers.clear(podName);
    },
    withoutPod: () => look("job", () => explainMissingPod({ ...options, say: view.say })),
    close: () => timers.clear(),
  };
}

/** Starts what is asked, unless it is being asked: several shards wait for the same, and one answer is for all. */
function createLook(failed: (error: unknown) => void, mayExplain: () => boolean = () => true) {
  const asking = new Set<string>();
  return (what: string, action: () => Promise<void>): void => {
    if (asking.has(what) || !mayExplain()) return;
    asking.add(what);
    action()
      .catch(failed)
      .finally(() => asking.delete(what));
  };
}

/** What was said already, and what the account may not see. */
interface View {
  /** Tells a cause, unless it was told last time. `key` is what makes it another one. */
  readonly say: (message: string, key?: string) => void;
  readonly last: () => string;
  /** The answer; undefined where the account lacks the right, which is told once. */
  readonly allowed: <T>(ask: () => Promise<T>) => Promise<T | undefined>;
  readonly failed: (error: unknown) => void;
}

function createView({ cluster, log, signal }: WaitingOptions): View {
  const said = new Set<string>();
  let last = "";
  let isDenied = false;
  const failed = (error: unknown): void => {
    if (signal.aborted) return;
    const message = error instanceof Error ? error.message : String(error);
    if (!said.has(message)) log.info(`Why it waits cannot be told in full: ${message}`);
    said.add(message);
  };
  const denied = async (): Promise<void> => {
    if (isDenied) return;
    isDenied = true;
    const denial = await findDenial(cluster, "observer", signal);
    if (denial)
      log.info(
        `Why it waits cannot be told in full: the account may not ${denial.missing} in the whole cluster. This adds the rights:\n${denial.manifest}`,
      );
  };
  return {
    failed,
    last: () => last,
    say: (message, key = message) => {
      if (message === "" || said.has(key)) return;
      said.add(key);
      last = message;
      log.info(`Waiting: ${message}`);
    },
    allowed: async (ask) => {
      try {
        return await ask();
      } catch (error) {
        if (!isStatus(error, 403)) throw error;
        await denied().catch(failed);
        return undefined;
      }
    },
  };
}

async function explainUnschedulable(
  pod: Pod,
  { cluster, pod: { gpuResource }, giveUp, signal, now }: WaitingOptions,
  { allowed, say }: View,
): Promise<void> {
  const nodeList = await allowed(() => listObjects(cluster, nodes, { signal }));
  const podList =
    (await allowed(() => listObjects<Pod>(cluster, pods, { allNamespaces: true, signal }))) ??
    (await allowed(() => listObjects<Pod>(cluster, pods, { signal })));
  if (nodeList) {
    const view = { nodes: nodeList.items, pods: podList?.items ?? [], gpuResource, now: now() };
    const { isImpossible, lines } = explainPlacement(pod, view);
    if (isImpossible) return giveUp("unschedulable", lines.join(" "));
    // Ages grow: only another holder, or another amount, is news.
    for (const line of lines) say(line, line.replaceAll(/, for [^)]*\)/g, ")"));
  }
  await explainVolumes(pod, { cluster, signal, say, giveUp });
}
