import type { V1ContainerStateTerminated } from "@kubernetes/client-node";
import type { Plain, Pod } from "../kubernetes/resource.ts";
import type { Reason } from "../report/conclusion.ts";
import { collectorContainer, testContainer } from "./kubernetes-container.ts";
import type { Gpu } from "./test-pod.ts";
import { parseReceipt, type Receipt } from "./wrapper.ts";

type Terminated = Plain<V1ContainerStateTerminated>;

/** How a test's container ended, as its status tells it. */
export interface End {
  readonly exitCode: number | undefined;
  readonly reason: Reason;
  /** One sentence for the reader. */
  readonly detail: string;
  readonly gpus: readonly Gpu[];
  /** By the wrapper's clock, exact to 10 ms; absent when it left no receipt. */
  readonly runMs?: number | undefined;
  /** Whole seconds, by the node's clock. */
  readonly startedAt: Date | undefined;
  readonly finishedAt: Date | undefined;
}

/** The verdict on a terminated container: what was done to the pod weighs more than the exit code it left. */
export function endOf(pod: Pod, terminated: Terminated): End {
  const receipt = parseReceipt(terminated.message ?? "");
  return {
    exitCode: terminated.exitCode,
    gpus: receipt?.gpus ?? [],
    runMs: receipt?.runMs,
    startedAt: dateOf(terminated.startedAt),
    finishedAt: dateOf(terminated.finishedAt),
    ...(outOfMemory(pod, terminated) ??
      startError(terminated) ??
      timedOut(pod, terminated, receipt) ??
      disrupted(pod, terminated) ??
      ownEnd(pod, terminated)),
  };
}

/**
 * The verdict on a test that ended by itself, by the wrapper's receipt alone. Undefined when the text is none, and when the node has more to
 * tell: a test may have failed of what its services did.
 */
export function endByReceipt(pod: Pod, text: string): End | undefined {
  const receipt = parseReceipt(text);
  const hasServices = pod.spec?.initContainers?.some(({ name }) => name !== collectorContainer);
  if (!receipt || (receipt.exitCode !== 0 && hasServices)) return undefined;
  return endOf(pod, { exitCode: receipt.exitCode, message: text });
}

type Words = Pick<End, "reason" | "detail">;

function outOfMemory(pod: Pod, { reason, exitCode }: Terminated): Words | undefined {
  if (reason !== "OOMKilled") return undefined;
  const limit = pod.spec?.containers.find(({ name }) => name === testContainer)?.resources?.limits?.memory;
  const bound = limit ? `its memory limit of ${limit}` : "the memory that the node had left";
  return { reason: "out-of-memory", detail: `The kernel killed the test at ${bound} (exit code ${exitCode}).` };
}

function startError({ reason, message = "", exitCode }: Terminated): Words | undefined {
  if (reason !== "StartError" && reason !== "ContainerCannotRun") return undefined;
  return { reason: "container-start-failed", detail: startFailure(message || `exit code ${exitCode}`) };
}

function timedOut(pod: Pod, { exitCode }: Terminated, receipt: Receipt | undefined): Words | undefined {
  if (!receipt?.timedOut && !(pod.status?.reason === "DeadlineExceeded" && exitCode !== 0)) return undefined;
  return {
    reason: "timed-out",
    detail: `The test was still running at its timeout and was ended (exit code ${exitCode}).`,
  };
}

/** Somebody or something removed the pod while the test ran. A test that ended well before that is not called back. */
function disrupted(pod: Pod, { exitCode, reason }: Terminated): Words | undefined {
  const node = pod.spec?.nodeName ?? "unknown";
  if (reason === "ContainerStatusUnknown")
    return { reason: "node-lost", detail: `Node ${node} lost track of the container.` };
  if (exitCode === 0) return undefined;
  const { conditions = [], reason: podReason, message } = pod.status ?? {};
  const disruption = conditions.find(({ type, status }) => type === "DisruptionTarget" && status === "True");
  if (disruption?.reason === "DeletionByPodGC")
    return { reason: "node-lost", detail: `Node ${node} is gone: ${disruption.message}` };
  if (disruption)
    return {
      reason: "evicted",
      detail: `The pod was removed from node ${node}: ${disruption.message ?? disruption.reason}`,
    };
  if (podReason === "Evicted" || podReason === "Preempting") {
    return { reason: "evicted", detail: `The pod was evicted from node ${node}: ${message ?? podReason}` };
  }
  if (podReason === "NodeLost" || podReason === "NodeShutdown" || podReason === "Terminated") {
    return { reason: "node-lost", detail: `Node ${node}: ${message ?? podReason}` };
  }
  if (pod.metadata?.deletionTimestamp === undefined) return undefined;
  return { reason: "pod-deleted", detail: `Somebody deleted pod ${pod.metadata.name} while the test ran.` };
}

const codeHints: Readonly<Record<number, string>> = {
  126: " The command is not executable.",
  127: " The command was not found in the image.",
  137: " It was killed (SIGKILL).",
  139: " It crashed (SIGSEGV).",
};

function ownEnd(pod: Pod, terminated: Terminated): Words {
  const { exitCode, signal } = terminated;
  if (exitCode === 0 && !signal) return { reason: "passed", detail: "The command ended with exit code 0." };
  const how = signal ? `by signal ${signal}` : `with exit code ${exitCode}`;
  const detail = `The command ended ${how}.${codeHints[exitCode] ?? ""}${brokenServices(pod, terminated)}`;
  return { reason: "test-failed", detail };
}

/** Services that broke while the test ran, in words: they may be what it failed of. */
function brokenServices(pod: Pod, test: Terminated): string {
  const [from, until] = [dateOf(test.startedAt) ?? new Date(0), dateOf(test.finishedAt) ?? new Date()];
  const services = (pod.status?.initContainerStatuses ?? []).filter(({ name }) => name !== collectorContainer);
  const words = services.map(({ name, lastState, state }) => {
    const ended = lastState?.terminated ?? state?.terminated;
    const finishedAt = dateOf(ended?.finishedAt);
    // All sidecars are ended after the test, and that is no fault of theirs.
    if (!ended || !finishedAt || finishedAt < from || finishedAt >= until) return "";
    const how = ended.reason === "OOMKilled" ? "was out of memory" : `ended with exit code ${ended.exitCode}`;
    return ` Service ${name} ${how} while the test ran.`;
  });
  return words.join("");
}

/** A container that never ran has the epoch as its times. */
function dateOf(text: string | undefined): Date | undefined {
  const date = new Date(text ?? 0);
  return date.getTime() > 0 ? date : undefined;
}

/** The runtime's words for a container that could not start, with a hint where the image has no shell. */
export function startFailure(message: string): string {
  const words = `The container could not be started: ${message.trim()}`;
  const noShell = /"?\/bin\/sh"?: (stat \/bin\/sh: )?no such file/.test(message);
  if (!noShell) return words;
  return `The image has no /bin/sh, which the wrapper and the collector need. Set wrap: false, and neither results nor artifacts.\n${words}`;
}
