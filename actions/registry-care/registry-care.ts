import { writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DomainError } from "../../lib/error.ts";
import { listRemoteBranches } from "../../lib/git/branches.ts";
import type { Host } from "../../lib/host.ts";
import { type Cluster, connectKubernetes, findKubeconfig } from "../../lib/kubernetes/client.ts";
import { chooseRegistry } from "../../lib/kubernetes/local-registry.ts";
import { pruneImages } from "../../lib/oci/prune.ts";
import { readInventory } from "../../lib/oci/prune-inventory.ts";
import { planPrune } from "../../lib/oci/prune-plan.ts";
import { type PruneReport, pruneJson, pruneLines, pruneRows, pruneSums } from "../../lib/oci/prune-report.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import { storedRevisions } from "../../lib/oci/registry-storage.ts";
import { requireRegistry } from "../../lib/oci/require-registry.ts";
import { imageTagOfBranch } from "../../lib/version/image-tag.ts";
import { careSummary } from "./care-summary.ts";
import { readUse } from "./cluster-use.ts";
import { type Inputs, requireRule } from "./inputs.ts";
import type { Outputs } from "./outputs.ts";
import { collectIn, openPlace } from "./registry-garbage.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "now" | "mask">;

/** Cares for a registry and tells in the log, the summary and a file what became of each tag. requireCared says afterwards what went wrong. */
export async function registryCare(
  inputs: Inputs,
  deps: Deps & Pick<Host, "summary" | "tempDirectory">,
): Promise<Outputs> {
  const result = await pruneRegistry(inputs, deps);
  const rows = pruneRows(result);
  for (const line of [...pruneLines(rows), ...pruneSums(result)]) deps.log.info(line);
  if (inputs.summary) await deps.summary(careSummary(result));
  const report = join(deps.tempDirectory, "registry-care.json");
  await writeFile(report, pruneJson(result));
  const { registry, garbage, plan } = result;
  const removed = rows.filter(({ goes }) => goes).length;
  return {
    registry,
    removed,
    kept: rows.length - removed,
    freedBytes: garbage?.freedBytes ?? 0,
    unusedBytes: plan.freedBytes,
    keptBytes: plan.keptBytes,
    garbage: !garbage ? "off" : garbage.refused === undefined ? "collected" : "refused",
    damaged: (garbage?.damaged ?? []).map(({ repository, digest }) => `${repository}@${digest}`),
    report,
  };
}

/** Throws DomainError `registry-busy` where garbage was to be collected and the registry is in use, and `registry-damaged` where an image cannot be pulled any more. */
export function requireCared({ garbage, damaged, registry }: Outputs): void {
  if (garbage === "refused") {
    throw new DomainError("registry-busy", `${registry} is in use, and no garbage was collected.`, {
      hint: "Run it again when nobody pushes and no test runs; what was deleted is not asked for again.",
      retryable: true,
    });
  }
  if (damaged.length === 0) return;
  throw new DomainError("registry-damaged", `Images of ${registry} cannot be pulled:\n${damaged.join("\n")}`, {
    hint: "Push them again; the report says what of each is missing.",
  });
}

/** Decides about every tag of a registry, deletes what may go, and collects the garbage where that was asked for. Nothing is deleted unless everything that decides could be read. */
export async function pruneRegistry(inputs: Inputs, deps: Deps): Promise<PruneReport> {
  requireRule(inputs);
  const { log, now, signal } = deps;
  const registry = inputs.registry === "auto" ? (await chooseRegistry({ ...inputs, ...deps })).push : inputs.registry;
  using client = openRegistry({ ...inputs, ...deps, registry });
  await requireRegistry(client);
  const branchTags = await readBranchTags(inputs, deps);
  const cluster = await connectCluster(inputs, deps);
  if (!cluster || !inputs.checkPods) {
    const why = cluster ? "check-pods is false" : "no cluster is configured";
    log.info(`Images of running pods are not looked at: ${why}.`);
  }
  const place = inputs.gc === "off" ? undefined : await openPlace({ client, cluster }, inputs, deps);
  const inventory = await readInventory(client, place && (await storedRevisions(place.storage)));
  // Read after the tags: a pod that starts meanwhile is seen.
  const { images: used } = await readUse(cluster, inputs, signal);

  const plan = planPrune(inventory, { ...inputs, branchTags, used }, now());
  const result = { registry: client.registry, dryRun: inputs.dryRun, plan };
  if (inputs.dryRun) return { ...result, deleted: [], spared: [], garbage: undefined };
  const pruned = await pruneImages(client, plan, log);
  return { ...result, ...pruned, garbage: place && (await collectIn(place, inputs, deps)) };
}

async function readBranchTags(inputs: Inputs, { exec, env, signal, mask }: Deps): Promise<ReadonlySet<string>> {
  const { keepBranches, remote, githubToken: token } = inputs;
  if (!keepBranches) return new Set();
  if (token !== undefined) mask(token);
  const directory = resolve(env.GITHUB_WORKSPACE ?? ".", inputs.workingDirectory);
  const branches = await listRemoteBranches({ exec, env, signal, directory, ...(token && { token }) }, remote);
  return new Set(branches.map(imageTagOfBranch));
}

async function connectCluster(inputs: Inputs, { env, log }: Deps): Promise<Cluster | undefined> {
  const { kubeconfig, context } = inputs;
  if (findKubeconfig({ kubeconfig, env }) === undefined) return undefined;
  return connectKubernetes({ kubeconfig, context, namespace: undefined, env, log });
}
