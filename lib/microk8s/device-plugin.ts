import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { getObject, listObjects } from "../kubernetes/object.ts";
import { daemonSets, pods } from "../kubernetes/resource.ts";
import { podTroubles } from "./pod-trouble.ts";
import { listWorkloads, type Workload } from "./rollout.ts";

/** A DaemonSet that offers GPUs to the kubelet. */
export interface DevicePlugin extends Workload {
  /** Its container's image, which the nodes have. */
  readonly image: string | undefined;
  /** What its first pod that does not run waits for. */
  readonly trouble: string | undefined;
}

/** NVIDIA's device plugins of the cluster, however they were installed; none where this account may not look. */
export async function findDevicePlugins(cluster: Cluster, signal: AbortSignal): Promise<readonly DevicePlugin[]> {
  try {
    const all = await listWorkloads(cluster, signal);
    const found = all.filter(
      ({ kind, name }) => kind === "DaemonSet" && /nvidia|gpu/.test(name) && name.includes("device-plugin"),
    );
    return await Promise.all(found.map((workload) => withPods(cluster, workload, signal)));
  } catch (error) {
    // An account that may not look at other namespaces still has its answer from the nodes.
    if (isStatus(error, 403)) return [];
    throw error;
  }
}

async function withPods(cluster: Cluster, workload: Workload, signal: AbortSignal): Promise<DevicePlugin> {
  const { namespace, name, uid, isRolledOut } = workload;
  const limits = { namespace, signal, timeoutMs: 10_000 };
  const daemonSet = await getObject(cluster, daemonSets, name, limits);
  const containers = daemonSet?.spec?.template.spec?.containers ?? [];
  const image = (containers.find((container) => container.name.includes("device-plugin")) ?? containers[0])?.image;
  if (isRolledOut) return { ...workload, image, trouble: undefined };
  const { items } = await listObjects(cluster, pods, limits);
  const own = items.filter(({ metadata }) => metadata?.ownerReferences?.some((owner) => owner.uid === uid));
  return { ...workload, image, trouble: podTroubles(own)[0] };
}
