import type { Cluster } from "../../lib/kubernetes/client.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { type DaemonSet, daemonSets, type Pod } from "../../lib/kubernetes/resource.ts";
import { describePodTrouble } from "./pod-trouble.ts";

/** A DaemonSet that registers GPUs with the kubelets. */
export interface DevicePlugin {
  /** `namespace/name`. */
  readonly name: string;
  readonly ready: number;
  readonly wanted: number;
  /** Why its pods are not ready, in the containers' own words. */
  readonly troubles: readonly string[];
}

/** The device plugins of a cluster, by the names that NVIDIA's, AMD's and Intel's charts give them. Their pods are among `pods`. */
export async function listDevicePlugins(
  cluster: Cluster,
  pods: readonly Pod[],
  signal: AbortSignal,
): Promise<readonly DevicePlugin[]> {
  const { items } = await listObjects(cluster, daemonSets, { allNamespaces: true, signal });
  return items.filter(isDevicePlugin).map((daemonSet) => toPlugin(daemonSet, pods));
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
