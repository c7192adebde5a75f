import { DomainError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { cudaShortfall, cudaVersionOf } from "../../lib/image/cuda-support.ts";
import { connectKubernetes, findKubeconfig } from "../../lib/kubernetes/client.ts";
import { gpuDriverOf } from "../../lib/kubernetes/gpu-driver.ts";
import { KubernetesError } from "../../lib/kubernetes/kubernetes-error.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { type Node, nodes } from "../../lib/kubernetes/resource.ts";

type Deps = Pick<Host, "env" | "log" | "signal">;

/** The nodes that the image is for; none where no cluster is configured or this account may not look, which a line of the log says. */
export async function listNodes(kubeconfig: string | undefined, deps: Deps): Promise<readonly Node[]> {
  if (findKubeconfig({ kubeconfig, env: deps.env }) === undefined) return [];
  try {
    const cluster = await connectKubernetes({ kubeconfig, context: undefined, namespace: undefined, ...deps });
    return (await listObjects(cluster, nodes, { signal: deps.signal, timeoutMs: 10_000 })).items;
  } catch (error) {
    if (!(error instanceof DomainError || error instanceof KubernetesError)) throw error;
    deps.log.info(`The cluster's nodes are not looked at (disk, driver): ${error.message}`);
    return [];
  }
}

/** What may go wrong on the nodes before a build: a push to a full node fails, and its images are deleted. */
export function diskWarnings(items: readonly Node[]): readonly string[] {
  return items
    .filter(({ status }) =>
      status?.conditions?.some(({ type, status: is }) => type === "DiskPressure" && is === "True"),
    )
    .map(
      ({ metadata }) =>
        `Node ${metadata?.name} is under disk pressure: its kubelet deletes images and evicts pods, the registry's among them. Free space there (gpu-ci registry prune) before the push.`,
    );
}

/** What a GPU node's driver cannot run of an image with these variables. */
export function cudaWarnings(env: Readonly<Record<string, string>>, items: readonly Node[]): readonly string[] {
  const cuda = cudaVersionOf(env);
  if (cuda === undefined) return [];
  return items.flatMap(({ metadata }) => {
    const shortfall = cudaShortfall(cuda, { node: metadata?.name ?? "", ...gpuDriverOf(metadata?.labels) });
    return shortfall ? [`${shortfall} Update the driver, or take a base image of an older CUDA.`] : [];
  });
}
