import { DomainError } from "../../lib/error.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { type Pod, pods } from "../../lib/kubernetes/resource.ts";
import type { UsedImages } from "../../lib/oci/prune-plan.ts";
import { parseNamed } from "../../lib/oci/reference.ts";

/** What the pods of a cluster use, and which runs of ours are under way there. */
export interface ClusterUse {
  readonly images: UsedImages;
  /** `namespace/pod` of pods that a run of ours started and that have not ended. */
  readonly liveRuns: readonly string[];
}

const unused: ClusterUse = { images: { digests: new Set(), names: new Set() }, liveRuns: [] };

/** What the pods use where there is a cluster and it is to be asked, else nothing. */
export async function readUse(
  cluster: Cluster | undefined,
  { checkPods }: { readonly checkPods: boolean },
  signal: AbortSignal,
): Promise<ClusterUse> {
  return cluster && checkPods ? readClusterUse(cluster, signal) : unused;
}

/**
 * Reads all pods of all namespaces that have not ended. Throws DomainError `pods-unknown` when they cannot be listed, for instance for lack of
 * rights: an image that a pod needs could go otherwise.
 */
async function readClusterUse(cluster: Cluster, signal: AbortSignal): Promise<ClusterUse> {
  const live = (await listLivePods(cluster, signal)).filter((pod) => !isEnded(pod));
  const digests = new Set<string>();
  const names = new Set<string>();
  for (const name of live.flatMap(imagesOf)) {
    const reference = parseNamed(name.replace(/^[\w-]+:\/\//, ""));
    if (reference?.digest !== undefined) digests.add(reference.digest);
    else if (reference) names.add(`${reference.repository}:${reference.tag ?? "latest"}`);
  }
  const runs = live.filter(({ metadata }) => metadata?.labels?.["gpu-ci/run"] !== undefined);
  return { images: { digests, names }, liveRuns: runs.map(nameOf) };
}

async function listLivePods(cluster: Cluster, signal: AbortSignal): Promise<readonly Pod[]> {
  try {
    return (await listObjects(cluster, pods, { allNamespaces: true, signal })).items;
  } catch (error) {
    signal.throwIfAborted();
    throw new DomainError("pods-unknown", `The pods of the cluster at ${cluster.server} cannot be listed.`, {
      hint: "Bind the ClusterRole gpu-ci-observer to this user; or set check-pods to false when no pod uses this registry.",
      cause: error,
    });
  }
}

/** What is asked for, and what runs: a tag may have moved since the pod started. */
function imagesOf({ spec, status }: Pod): readonly string[] {
  const containers = [
    ...(spec?.containers ?? []),
    ...(spec?.initContainers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  const statuses = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  return [...containers.map(({ image }) => image ?? ""), ...statuses.map(({ imageID }) => imageID ?? "")];
}

function isEnded({ status }: Pod): boolean {
  return status?.phase === "Succeeded" || status?.phase === "Failed";
}

function nameOf({ metadata }: Pod): string {
  return `${metadata?.namespace}/${metadata?.name}`;
}
