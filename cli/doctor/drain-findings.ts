import type { Cluster } from "../../lib/kubernetes/client.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { type ConfigMap, configMaps } from "../../lib/kubernetes/resource.ts";
import { type Finding, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "runners", topic: "drain switch" };
const switchName = "gpu-ci-runners";
const states = ["Running", "DrainAndSuspend", "DrainAndTerminate"];

/** Positions of the drain switch (interfaces.md 6) that keep runners from taking jobs, and those that nobody understands. */
export async function drainFindings(
  cluster: Cluster,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly Finding[]> {
  try {
    const fieldSelector = `metadata.name=${switchName}`;
    const global = await listObjects(cluster, configMaps, { allNamespaces: true, fieldSelector, signal });
    // A node's switch lies beside the global one: all ConfigMaps of a cluster may be many megabytes.
    const beside = await Promise.all(
      global.items.map(({ metadata }) => listObjects(cluster, configMaps, { namespace: metadata?.namespace, signal })),
    );
    return beside.flatMap(({ items }) => items.filter(isSwitch).flatMap(switchFinding));
  } catch (error) {
    if (isStatus(error, 403)) return [];
    throw error;
  }
}

function isSwitch({ metadata, data }: ConfigMap): boolean {
  const name = metadata?.name ?? "";
  return name === switchName || (name.startsWith(`${switchName}-`) && data?.STATE !== undefined);
}

function switchFinding({ metadata, data }: ConfigMap): readonly Finding[] {
  const state = data?.STATE?.trim() || "Running";
  const name = metadata?.name ?? "";
  const node = name === switchName ? undefined : name.slice(switchName.length + 1);
  const place = `ConfigMap ${metadata?.namespace}/${name}`;
  const command = `gpu-ci runners resume --namespace ${metadata?.namespace}${node === undefined ? "" : ` --node ${node}`}`;
  if (state === "Running") return [];
  if (!states.includes(state)) {
    return [
      problem(subject, "limited", {
        code: "drain-state-invalid",
        found: `${place} has STATE ${JSON.stringify(state)}`,
        cause: `it is ignored; allowed: ${states.join(", ")}`,
        remedy: `Set it anew: ${command}`,
      }),
    ];
  }
  return [
    problem(subject, "limited", {
      code: "runners-drained",
      found: `${node === undefined ? "all runners are" : `node ${node} is`} drained: ${place} says ${state}`,
      cause: "new jobs are queued and not started",
      remedy: command,
    }),
  ];
}
