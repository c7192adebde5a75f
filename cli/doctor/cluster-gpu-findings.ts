import type { Cluster } from "../../lib/kubernetes/client.ts";
import { gpuHolders } from "../../lib/kubernetes/gpu-holders.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { nodes, type Pod, pods } from "../../lib/kubernetes/resource.ts";
import { devicePluginFindings } from "./device-plugin-findings.ts";
import { listDevicePlugins } from "./device-plugins.ts";
import type { Finding } from "./finding.ts";
import { gpuHolderFindings } from "./gpu-holder-findings.ts";
import { gpuStockFindings } from "./gpu-stock-findings.ts";
import { nodeFindings } from "./node-findings.ts";
import { runtimeHandlerFindings } from "./runtime-handler-findings.ts";

export interface ClusterGpuOptions {
  /** For instance `nvidia.com/gpu`. */
  readonly resource: string;
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** The nodes and their GPUs: what is there, what can be given, and who has it. */
export async function clusterGpuFindings(cluster: Cluster, options: ClusterGpuOptions): Promise<readonly Finding[]> {
  const { resource, now, signal } = options;
  const [{ items: nodeList }, podList, handlers] = await Promise.all([
    listObjects(cluster, nodes, { signal }),
    unlessForbidden<readonly Pod[]>(
      async () => (await listObjects(cluster, pods, { allNamespaces: true, signal })).items,
    ),
    unlessForbidden(() => runtimeHandlerFindings(cluster, signal)),
  ]);
  const plugins = await unlessForbidden(() => listDevicePlugins(cluster, podList ?? [], signal));
  const stock = {
    resource,
    nodes: nodeList,
    plugins,
    holders: podList && gpuHolders(podList, resource, now),
  };
  return [
    ...nodeFindings(nodeList),
    ...gpuStockFindings(stock),
    ...gpuHolderFindings(stock),
    ...devicePluginFindings(plugins ?? []),
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
