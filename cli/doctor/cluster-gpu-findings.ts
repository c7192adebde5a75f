import type { Cluster } from "../../lib/kubernetes/client.ts";
import { countWaiting, gpuHolders } from "../../lib/kubernetes/gpu-holders.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { type DaemonSet, daemonSets, nodes, type Pod, pods } from "../../lib/kubernetes/resource.ts";
import { devicePluginFindings } from "./device-plugin-findings.ts";
import { devicePluginsOf } from "./device-plugins.ts";
import type { Finding } from "./finding.ts";
import { gpuHolderFindings } from "./gpu-holder-findings.ts";
import { gpuStockFindings } from "./gpu-stock-findings.ts";
import { nodeFindings } from "./node-findings.ts";
import { runtimeHandlerFindings } from "./runtime-handler-findings.ts";
import { clusterToolkitFindings } from "./toolkit-findings.ts";

export interface ClusterGpuOptions {
  /** For instance `nvidia.com/gpu`. */
  readonly resource: string;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** The nodes and their GPUs: what is there, what can be given, and who has it. */
export async function clusterGpuFindings(cluster: Cluster, options: ClusterGpuOptions): Promise<readonly Finding[]> {
  const { resource, now, signal } = options;
  const everywhere = { allNamespaces: true, signal };
  const [{ items: nodeList }, podList, sets, handlers] = await Promise.all([
    listObjects(cluster, nodes, { signal }),
    unlessForbidden<readonly Pod[]>(async () => (await listObjects(cluster, pods, everywhere)).items),
    unlessForbidden<readonly DaemonSet[]>(async () => (await listObjects(cluster, daemonSets, everywhere)).items),
    unlessForbidden(() => runtimeHandlerFindings(cluster, signal)),
  ]);
  const plugins = sets && devicePluginsOf(sets, podList ?? []);
  const stock = {
    resource,
    nodes: nodeList,
    plugins,
    holders: podList && gpuHolders(podList, resource, now),
    waiting: countWaiting(podList ?? [], resource),
  };
  return [
    ...nodeFindings(nodeList),
    ...gpuStockFindings(stock),
    ...gpuHolderFindings(stock),
    ...devicePluginFindings(plugins ?? []),
    ...clusterToolkitFindings(sets ?? []),
    ...(handlers ?? []),
  ];
}

/** What may not be looked at is unknown: the rights' own finding says so. */
async function unlessForbidden<T>(see: () => Promise<T>): Promise<T | undefined> {
  try {
    return await see();
  } catch (error) {
    if (isStatus(error, 403)) return undefined;
    throw error;
  }
}
