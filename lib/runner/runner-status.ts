import type { Cluster } from "../kubernetes/client.ts";
import { listObjects } from "../kubernetes/object.ts";
import { configMaps, type Pod, pods } from "../kubernetes/resource.ts";
import { type DrainSwitch, readDrainSwitch, type SwitchPosition } from "./drain-switch.ts";
import { hasEnded, waitingReason } from "./pod-end.ts";
import { activityLabel, allRunnersSelector, releaseLabel } from "./runner-pod.ts";

/** A runner as `gpu-ci runners status` shows it. */
export interface RunnerLine {
  readonly name: string;
  readonly release: string;
  readonly node: string | undefined;
  readonly ageMs: number;
  readonly activity: string;
  /** What a runner that does not come up waits for. */
  readonly detail: string | undefined;
}

/** The switch and the runners of a namespace. */
export interface RunnerStatus {
  readonly namespace: string;
  readonly global: SwitchPosition;
  readonly nodes: DrainSwitch["nodes"];
  /** Values that are ignored, in words. */
  readonly mistakes: readonly string[];
  readonly runners: readonly RunnerLine[];
}

/** What is read, and how. */
export interface StatusOptions {
  readonly drainConfigMap: string;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** Reads the status; changes nothing. */
export async function readRunnerStatus(cluster: Cluster, options: StatusOptions): Promise<RunnerStatus> {
  const { now, signal } = options;
  const [reading, runnerPods] = await Promise.all([
    readPositions(cluster, options),
    listObjects(cluster, pods, { labelSelector: allRunnersSelector, signal }),
  ]);
  return {
    namespace: cluster.namespace,
    global: reading.positions.global,
    nodes: reading.positions.nodes,
    mistakes: reading.mistakes.map(({ message }) => message),
    runners: runnerPods.items.map((pod) => toLine(pod, now)),
  };
}

/** Reads the switch alone: whoever may put it need not be allowed to see pods. */
export async function readPositions(cluster: Cluster, { drainConfigMap: name, now, signal }: StatusOptions) {
  const { items } = await listObjects(cluster, configMaps, { signal });
  return readDrainSwitch(items, { name, before: undefined, nowMs: now.getTime() });
}

function toLine(pod: Pod, now: Date): RunnerLine {
  const { name = "", labels = {}, creationTimestamp = "", deletionTimestamp } = pod.metadata ?? {};
  const activity = deletionTimestamp === undefined ? (labels[activityLabel] ?? "starting") : "ending";
  const shown = hasEnded(pod) ? "ended" : activity;
  return {
    name,
    release: labels[releaseLabel] ?? "",
    node: pod.spec?.nodeName,
    ageMs: Math.max(0, now.getTime() - Date.parse(creationTimestamp)),
    activity: shown,
    detail: shown === "starting" ? waitingReason(pod) : undefined,
  };
}
