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

/** Reads the status; changes nothing. */
export async function readRunnerStatus(
  cluster: Cluster,
  options: { readonly drainConfigMap: string; readonly now: Date; readonly signal: AbortSignal },
): Promise<RunnerStatus> {
  const { drainConfigMap: name, now, signal } = options;
  const [maps, runnerPods] = await Promise.all([
    listObjects(cluster, configMaps, { signal }),
    listObjects(cluster, pods, { labelSelector: allRunnersSelector, signal }),
  ]);
  const { positions, mistakes } = readDrainSwitch(maps.items, { name, before: undefined, nowMs: now.getTime() });
  return {
    namespace: cluster.namespace,
    global: positions.global,
    nodes: positions.nodes,
    mistakes: mistakes.map(({ message }) => message),
    runners: runnerPods.items.map((pod) => toLine(pod, now)),
  };
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
