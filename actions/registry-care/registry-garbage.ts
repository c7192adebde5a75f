import { DomainError, describeError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { collectGarbage, requireSameRegistry } from "../../lib/oci/collect-garbage.ts";
import type { GarbageReport } from "../../lib/oci/prune-report.ts";
import { listRepositories } from "../../lib/oci/registry-catalog.ts";
import type { RegistryClient } from "../../lib/oci/registry-client.ts";
import { openStorage, type RegistryStorage } from "../../lib/oci/registry-storage.ts";
import { findDamagedImages } from "../../lib/oci/verify-inventory.ts";
import { readUse } from "./cluster-use.ts";
import type { Inputs } from "./inputs.ts";
import { localStorageHost, openRegistryPod, type RegistryPod } from "./storage-hosts.ts";

type Deps = Pick<Host, "exec" | "log" | "signal">;

/** What is cared for: the registry, and the cluster whose pods use it. */
export interface Place {
  readonly client: RegistryClient;
  readonly cluster: Cluster | undefined;
}

/** The same with the registry's files. */
export interface OpenPlace extends Place {
  readonly storage: RegistryStorage;
  /** Undefined: the registry is a program of this machine. */
  readonly pod: RegistryPod | undefined;
}

/** Finds the registry's files, in its pod or on this machine. Throws DomainError unless they are those of the registry that was asked. */
export async function openPlace(place: Place, inputs: Inputs, { exec, signal }: Deps): Promise<OpenPlace> {
  const { client, cluster } = place;
  const pod = inputs.gc === "pod" ? await openRegistryPod(requireCluster(cluster), inputs.gcPod, signal) : undefined;
  const storage = await openStorage(pod ?? localStorageHost(exec, signal), inputs.gcConfig);
  await requireSameRegistry(storage, await listRepositories(client));
  return { ...place, storage, pod };
}

/** Collects the garbage, and looks afterwards whether every image is whole. A registry in use is no failure of what was deleted: then the report says why nothing was collected. */
export async function collectIn(place: OpenPlace, inputs: Inputs, deps: Deps): Promise<GarbageReport> {
  try {
    await requireNoRun(place.cluster, inputs, deps);
    const freedBytes = await collect(place, inputs, deps);
    return { refused: undefined, freedBytes, damaged: await findDamagedImages(place.client) };
  } catch (error) {
    if (!(error instanceof DomainError && error.code === "registry-busy")) throw error;
    return { refused: describeError(error), freedBytes: 0, damaged: [] };
  }
}

async function collect({ client, storage, pod }: OpenPlace, { quietMinutes }: Inputs, { log }: Deps): Promise<number> {
  const repositories = await listRepositories(client);
  const freedBytes = await collectGarbage({ storage, repositories, quietMinutes, log });
  if (storage.isCached && pod) {
    log.info(`Restarting the registry in ${pod.description}: it remembers blobs that are gone.`);
    await pod.restart();
  } else if (storage.isCached) {
    log.warning("Restart the registry: its cache remembers blobs that are gone, and pushes would leave them out.");
  }
  return freedBytes;
}

async function requireNoRun(cluster: Cluster | undefined, inputs: Inputs, { signal }: Deps): Promise<void> {
  const { liveRuns } = await readUse(cluster, inputs, signal);
  if (liveRuns.length === 0) return;
  throw new DomainError("registry-busy", `A run is under way (${liveRuns.join(", ")}). No garbage was collected.`, {
    hint: "Collect it when no run does; a collection during a push can delete what was just sent.",
    retryable: true,
  });
}

function requireCluster(cluster: Cluster | undefined): Cluster {
  if (cluster) return cluster;
  throw new DomainError("kubeconfig-missing", "gc is pod, which needs a cluster, and none is configured.", {
    hint: "Set KUBECONFIG, or the input kubeconfig.",
  });
}
