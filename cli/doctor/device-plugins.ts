import { describePodTrouble } from "../../lib/kubernetes/pod-trouble.ts";
import type { DaemonSet, Pod } from "../../lib/kubernetes/resource.ts";

/** A DaemonSet that registers GPUs with the kubelets. */
export interface DevicePlugin {
  /** `namespace/name`. */
  readonly name: string;
  readonly ready: number;
  readonly wanted: number;
  /** Why its pods are not ready, in the containers' own words. */
  readonly troubles: readonly string[];
}

/** The device plugins among these DaemonSets, by the names that NVIDIA's, AMD's and Intel's charts give them. Their pods are among `pods`. */
export function devicePluginsOf(daemonSets: readonly DaemonSet[], pods: readonly Pod[]): readonly DevicePlugin[] {
  return daemonSets.filter(isDevicePlugin).map((daemonSet) => toPlugin(daemonSet, pods));
}

function isDevicePlugin({ metadata }: DaemonSet): boolean {
  const name = metadata?.name ?? "";
  return name.includes("device-plugin") && /nvidia|amd|intel|gpu/.test(name);
}

function toPlugin({ metadata, status }: DaemonSet, pods: readonly Pod[]): DevicePlugin {
  const own = pods.filter((pod) => pod.metadata?.ownerReferences?.some(({ uid }) => uid === metadata?.uid));
  return {
    name: `${metadata?.namespace}/${metadata?.name}`,
    ready: status?.numberReady ?? 0,
    wanted: status?.desiredNumberScheduled ?? 0,
    troubles: [...new Set(own.flatMap((pod) => describePodTrouble(pod) ?? []))],
  };
}
