import type { V1ContainerState, V1ContainerStatus } from "@kubernetes/client-node";
import type { Plain, Pod } from "../kubernetes/resource.ts";
import type { Reason } from "../report/conclusion.ts";
import { collectorContainer, testContainer } from "./kubernetes-container.ts";
import { type End, endOf, startFailure } from "./kubernetes-termination.ts";

type ContainerState = Plain<V1ContainerState>;
type ContainerStatus = Plain<V1ContainerStatus>;

/** What one look at a pod tells. */
export type PodState =
  | { readonly phase: "unscheduled"; readonly message: string }
  /** On a node, but the test does not run yet. */
  | { readonly phase: "creating"; readonly message: string; readonly trouble: Trouble | undefined }
  | { readonly phase: "running" }
  | { readonly phase: "ended"; readonly end: End };

/** Why a container does not start; after `patienceMs` without a change there is no hope. Undefined patience: until pending-timeout. */
export interface Trouble {
  readonly reason: Reason;
  readonly detail: string;
  readonly patienceMs: number | undefined;
}

/** Reads where a test's pod stands from its status alone. */
export function readPodState(pod: Pod): PodState {
  const test = statusOf(pod, testContainer)?.state;
  if (test?.terminated) return { phase: "ended", end: endOf(pod, test.terminated) };
  const lost = lostOf(pod);
  if (lost) return { phase: "ended", end: lost };
  if (test?.running) return { phase: "running" };
  const scheduled = pod.status?.conditions?.find(({ type }) => type === "PodScheduled");
  if (scheduled?.status !== "True" && !pod.spec?.nodeName)
    return { phase: "unscheduled", message: scheduled?.message ?? "" };
  const trouble = statusesOf(pod)
    .map(troubleOf)
    .find((found) => found !== undefined);
  return { phase: "creating", message: messageOf(pod), trouble };
}

/** When the pod got its node. */
export function scheduledTime(pod: Pod): string | undefined {
  return pod.status?.conditions?.find(({ type }) => type === "PodScheduled")?.lastTransitionTime;
}

/** When the test's container started. */
export function startTime(pod: Pod): string | undefined {
  return statusOf(pod, testContainer)?.state?.running?.startedAt;
}

/** Where a pod and its node are on the network. */
export interface PodAddresses {
  readonly pod: string;
  readonly node: string;
}

/** Undefined as long as the pod has none. */
export function addressesOf({ status }: Pod): PodAddresses | undefined {
  return status?.podIP && status.hostIP ? { pod: status.podIP, node: status.hostIP } : undefined;
}

/** Whether the collector can be spoken to by exec. */
export function collectorRuns(pod: Pod): boolean {
  return statusOf(pod, collectorContainer)?.state?.running !== undefined;
}

/** The sidecars in the order of their start, and the test. */
function statusesOf(pod: Pod): readonly ContainerStatus[] {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  return [...initContainerStatuses, ...containerStatuses.filter(({ name }) => name === testContainer)];
}

function serviceStatuses(pod: Pod): readonly ContainerStatus[] {
  return (pod.status?.initContainerStatuses ?? []).filter(({ name }) => name !== collectorContainer);
}

function statusOf(pod: Pod, container: string): ContainerStatus | undefined {
  return statusesOf(pod).find(({ name }) => name === container);
}

/** A pod that ended, or was given up, without a terminated state of the test's container. */
function lostOf(pod: Pod): End | undefined {
  const { phase, reason, message } = pod.status ?? {};
  if (phase !== "Failed" && phase !== "Succeeded") return undefined;
  if (reason === "Evicted" || reason === "Preempting")
    return end("evicted", `Pod evicted before the test ended: ${message ?? reason}`);
  if (reason === "NodeLost" || reason === "NodeShutdown" || reason === "Terminated")
    return end("node-lost", `Node ${pod.spec?.nodeName}: ${message ?? reason}`);
  if (reason === "DeadlineExceeded")
    return end("pending-timeout", "The Job's deadline passed before the test started.");
  if (reason === "UnexpectedAdmissionError" || reason?.startsWith("OutOf"))
    return end("unschedulable", `Node ${pod.spec?.nodeName} refused the pod: ${message ?? reason}`);
  return end(
    "unknown",
    `Pod is ${phase}${reason ? ` (${reason})` : ""}, but its container has no exit code. ${message ?? ""}`.trim(),
  );
}

function end(reason: Reason, detail: string): End {
  return { exitCode: undefined, reason, detail, gpus: [], startedAt: undefined, finishedAt: undefined };
}

function messageOf(pod: Pod): string {
  const unready = serviceStatuses(pod).find(({ state, started }) => state?.running && started === false);
  if (unready) return `service ${unready.name} runs and is not ready yet`;
  const waiting = statusesOf(pod)
    .map(({ state }) => state?.waiting)
    .find((state) => state !== undefined);
  if (!waiting?.reason || waiting.reason === "PodInitializing" || waiting.reason === "ContainerCreating") return "";
  return waiting.message ? `${waiting.reason}: ${waiting.message}` : waiting.reason;
}

function troubleOf(status: ContainerStatus | undefined): Trouble | undefined {
  const state: ContainerState | undefined = status?.state;
  const ended = state?.terminated ?? status?.lastState?.terminated;
  if (ended?.reason === "StartError") {
    return { reason: "container-start-failed", detail: startFailure(ended.message ?? ""), patienceMs: 0 };
  }
  if (ended && state?.waiting?.reason === "CrashLoopBackOff") {
    const who = status?.name === collectorContainer ? "The collector container" : `Service ${status?.name}`;
    const how = ended.reason === "OOMKilled" ? "is out of memory" : `ends with exit code ${ended.exitCode}`;
    const detail = `${who} ${how} and never was ready. ${ended.message ?? ""}`.trim();
    return { reason: "container-start-failed", detail, patienceMs: 0 };
  }
  if (!state?.waiting?.reason) return undefined;
  const { reason, message = "" } = state.waiting;
  return waitingTrouble(status?.image ?? "", reason, message);
}

const startFailures = [
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
  "PreCreateHookError",
  "PostStartHookError",
];

function waitingTrouble(image: string, reason: string, message: string): Trouble | undefined {
  if (reason === "InvalidImageName" || reason === "ErrImageNeverPull") {
    return { reason: "image-pull-failed", detail: `Image ${image}: ${reason}. ${message}`, patienceMs: 0 };
  }
  if (reason === "ErrImagePull" || reason === "ImagePullBackOff") return pullTrouble(image, message);
  // A Secret or ConfigMap that the kubelet has not seen yet shows as a configuration error for a moment.
  if (startFailures.includes(reason)) {
    return { reason: "container-start-failed", detail: startFailure(`${reason}: ${message}`), patienceMs: 10_000 };
  }
  return undefined;
}

function pullTrouble(image: string, message: string): Trouble {
  const missing = /not found|manifest unknown|name unknown|does not exist/i.test(message);
  const refused = /unauthorized|authentication required|denied|forbidden|no basic auth/i.test(message);
  const detail = `Image ${image} could not be pulled: ${registryWords(message)}`;
  if (missing) return { reason: "image-pull-failed", detail, patienceMs: 0 };
  return { reason: "image-pull-failed", detail, patienceMs: refused ? 15_000 : undefined };
}

/** The registry's own words, without those of the runtime around them that repeat the reference. */
function registryWords(message: string): string {
  const wrapping =
    /rpc error: code = \w+ desc = |Back-off pulling image "[^"]*": |ErrImagePull: |failed to [a-z ]+ "[^"]*": /g;
  return message.replaceAll(wrapping, "").trim();
}
