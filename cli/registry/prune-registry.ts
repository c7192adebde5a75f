import { DomainError, describeError } from "../../lib/error.ts";
import { listRemoteBranches } from "../../lib/git/branches.ts";
import type { Host } from "../../lib/host.ts";
import { type Cluster, connectKubernetes, findKubeconfig } from "../../lib/kubernetes/client.ts";
import { chooseRegistry } from "../../lib/kubernetes/local-registry.ts";
import { collectGarbage, requireSameRegistry } from "../../lib/oci/collect-garbage.ts";
import { pruneImages } from "../../lib/oci/prune.ts";
import { readInventory } from "../../lib/oci/prune-inventory.ts";
import { type Deletion, type PrunePlan, planPrune } from "../../lib/oci/prune-plan.ts";
import { listRepositories } from "../../lib/oci/registry-catalog.ts";
import { openRegistry, type RegistryClient } from "../../lib/oci/registry-client.ts";
import { openStorage, type RegistryStorage, storedRevisions } from "../../lib/oci/registry-storage.ts";
import { requireRegistry } from "../../lib/oci/require-registry.ts";
import { type DamagedImage, findDamagedImages } from "../../lib/oci/verify-inventory.ts";
import { imageTagOfBranch } from "../../lib/version/image-tag.ts";
import { type ClusterUse, readClusterUse, unused } from "./cluster-use.ts";
import type { PruneInputs } from "./prune-options.ts";
import { localStorageHost, openRegistryPod, type RegistryPod } from "./storage-hosts.ts";

/** What was decided about a registry, and what was done. */
export interface PruneReport {
  readonly registry: string;
  readonly dryRun: boolean;
  readonly plan: PrunePlan;
  /** Manifests that are gone; none in a dry run. */
  readonly deleted: readonly Deletion[];
  /** Manifests that got a new tag after the decision, and stayed. */
  readonly spared: readonly Deletion[];
  /** Undefined when none was to be collected. */
  readonly garbage: GarbageReport | undefined;
}

export interface GarbageReport {
  /** Why none was collected; undefined when it was. */
  readonly refused: string | undefined;
  readonly freedBytes: number;
  /** Images of the registry that cannot be pulled, seen afterwards. */
  readonly damaged: readonly DamagedImage[];
}

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "now">;

/** Decides about every tag of a registry, deletes what may go, and collects the garbage where that was asked for. Nothing is deleted unless everything that decides could be read. */
export async function pruneRegistry(inputs: PruneInputs, deps: Deps): Promise<PruneReport> {
  const { log, now } = deps;
  const registry = inputs.registry === "auto" ? (await chooseRegistry({ ...inputs, ...deps })).push : inputs.registry;
  using client = openRegistry({ ...inputs, ...deps, registry });
  await requireRegistry(client);
  const branchTags = await readBranchTags(inputs, deps);
  const cluster = await connectCluster(inputs, deps);
  if (!cluster || !inputs.checkPods)
    log.info(`Images of running pods are not looked at: ${cluster ? "--no-check-pods" : "no cluster is configured"}.`);
  const place = inputs.gc === "off" ? undefined : await openPlace(client, cluster, inputs, deps);
  const inventory = await readInventory(client, place && (await storedRevisions(place.storage)));
  // Read after the tags: a pod that starts meanwhile is seen.
  const use = await readUse(cluster, inputs, deps);
  const plan = planPrune(inventory, { ...inputs, branchTags, used: use.images }, now());
  const result = { registry: client.registry, dryRun: inputs.dryRun, plan };
  if (inputs.dryRun) return { ...result, deleted: [], spared: [], garbage: undefined };
  const pruned = await pruneImages(client, plan, log);
  if (!place) return { ...result, ...pruned, garbage: undefined };
  const garbage = await collect(client, place, cluster, { inputs, deps }).catch(refusal);
  return { ...result, ...pruned, garbage };
}

/** Where the registry's files are. */
interface StoragePlace {
  readonly storage: RegistryStorage;
  /** Undefined: the registry is a program of this machine. */
  readonly pod: RegistryPod | undefined;
}

async function openPlace(
  client: RegistryClient,
  cluster: Cluster | undefined,
  inputs: PruneInputs,
  { exec, signal }: Deps,
): Promise<StoragePlace> {
  const pod = inputs.gc === "pod" ? await openRegistryPod(requireCluster(cluster), inputs.gcPod, signal) : undefined;
  const storage = await openStorage(pod ?? localStorageHost(exec, signal), inputs.gcConfig);
  await requireSameRegistry(storage, await listRepositories(client));
  return { storage, pod };
}

async function requireNoRun(cluster: Cluster | undefined, inputs: PruneInputs, deps: Deps): Promise<void> {
  const { liveRuns } = await readUse(cluster, inputs, deps);
  if (liveRuns.length === 0) return;
  throw new DomainError("registry-busy", `A run is under way (${liveRuns.join(", ")}). No garbage was collected.`, {
    hint: "Collect it when no run does; a collection during a push can delete what was just sent.",
    retryable: true,
  });
}

/** A registry in use is no failure of what was deleted: the report says both. */
function refusal(error: unknown): GarbageReport {
  if (!(error instanceof DomainError && error.code === "registry-busy")) throw error;
  return { refused: describeError(error), freedBytes: 0, damaged: [] };
}

async function collect(
  client: RegistryClient,
  { storage, pod }: StoragePlace,
  cluster: Cluster | undefined,
  { inputs, deps }: { readonly inputs: PruneInputs; readonly deps: Deps },
): Promise<GarbageReport> {
  const { log } = deps;
  await requireNoRun(cluster, inputs, deps);
  const repositories = await listRepositories(client);
  const freedBytes = await collectGarbage({ storage, repositories, quietMinutes: inputs.quietMinutes, log });
  if (storage.isCached && pod) {
    log.info(`Restarting the registry in ${pod.description}: it remembers blobs that are gone.`);
    await pod.restart();
  } else if (storage.isCached) {
    log.warning("Restart the registry: its cache remembers blobs that are gone, and pushes would leave them out.");
  }
  return { refused: undefined, freedBytes, damaged: await findDamagedImages(client) };
}

async function readBranchTags({ branchesOf, directory }: PruneInputs, { exec, env, signal }: Deps) {
  if (branchesOf === undefined) return new Set<string>();
  const branches = await listRemoteBranches({ exec, env, signal, directory }, branchesOf);
  return new Set(branches.map(imageTagOfBranch));
}

async function connectCluster(inputs: PruneInputs, { env, log }: Deps): Promise<Cluster | undefined> {
  const { kubeconfig, context } = inputs;
  if (findKubeconfig({ kubeconfig, env }) === undefined) return undefined;
  return connectKubernetes({ kubeconfig, context, namespace: undefined, env, log });
}

async function readUse(
  cluster: Cluster | undefined,
  { checkPods }: PruneInputs,
  { signal }: Deps,
): Promise<ClusterUse> {
  return cluster && checkPods ? readClusterUse(cluster, signal) : unused;
}

function requireCluster(cluster: Cluster | undefined): Cluster {
  if (cluster) return cluster;
  throw new DomainError("kubeconfig-missing", "--gc pod needs a cluster, and none is configured.", {
    hint: "Set KUBECONFIG, or give --kubeconfig.",
  });
}
