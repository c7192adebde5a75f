import type { Cluster } from "../kubernetes/client.ts";
import { gpuDriverOf } from "../kubernetes/gpu-driver.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { listObjects } from "../kubernetes/object.ts";
import { type Node, nodes } from "../kubernetes/resource.ts";

/** What a cluster is, as its API server and nodes say. */
export interface ClusterFacts {
  /** Kubernetes' version, for instance `v1.35.8`. */
  readonly version: string;
  /** Address of the first node that is ready; undefined without one. */
  readonly nodeIp: string | undefined;
  readonly readyNodes: number;
  readonly nodes: number;
  /** False when this account may not look at nodes: then everything about them is unknown, not absent. */
  readonly nodesKnown: boolean;
  /** GPUs that pods can be given on nodes that are ready. */
  readonly gpuCount: number;
  /** GPUs that nodes have, whether healthy or not. */
  readonly gpuCapacity: number;
  /** Whether a node names the resource at all, also with 0: then a device plugin has once registered. */
  readonly gpuRegistered: boolean;
  readonly gpuProducts: readonly string[];
  readonly driverVersion: string | undefined;
  readonly cudaVersion: string | undefined;
}

/** The resource under which NVIDIA's device plugin offers GPUs. */
export const gpuResource = "nvidia.com/gpu";

/** Asks the API server for its version and its nodes. Throws DomainError `api-unreachable` or KubernetesError. */
export async function readClusterFacts(cluster: Cluster, signal: AbortSignal): Promise<ClusterFacts> {
  const limits = { signal, timeoutMs: 30_000 };
  const version = await cluster.request<{ gitVersion?: string }>({ method: "GET", path: "/version", ...limits });
  try {
    const { items } = await listObjects(cluster, nodes, limits);
    return factsOf(version.gitVersion ?? "", items);
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
    return { ...factsOf(version.gitVersion ?? "", []), nodesKnown: false };
  }
}

/** Sums up nodes. Driver and CUDA come from the labels of NVIDIA's GPU feature discovery: without it they are not known. */
export function factsOf(version: string, items: readonly Node[]): ClusterFacts {
  const ready = items.filter(isReady);
  const withGpu = ready.filter((node) => quantity(node.status?.allocatable) > 0);
  const { driver, cuda } = gpuDriverOf(withGpu[0]?.metadata?.labels);
  return {
    version,
    nodeIp: ready[0]?.status?.addresses?.find(({ type }) => type === "InternalIP")?.address,
    readyNodes: ready.length,
    nodes: items.length,
    nodesKnown: true,
    gpuCount: sum(ready.map((node) => quantity(node.status?.allocatable))),
    gpuCapacity: sum(items.map((node) => quantity(node.status?.capacity))),
    gpuRegistered: items.some(({ status }) => status?.capacity?.[gpuResource] !== undefined),
    gpuProducts: [
      ...new Set(withGpu.flatMap((node) => node.metadata?.labels?.["nvidia.com/gpu.product"] ?? [])),
    ].sort(),
    driverVersion: driver,
    cudaVersion: cuda,
  };
}

function isReady(node: Node): boolean {
  const isUp = node.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True");
  return isUp === true && node.spec?.unschedulable !== true;
}

function quantity(resources: Readonly<Record<string, string>> | undefined): number {
  return Number(resources?.[gpuResource] ?? 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
