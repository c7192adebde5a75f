import { stringify } from "yaml";
import { type Access, findUserName, refused } from "../kubernetes/access.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { observerRights, roleRights } from "../kubernetes/needed-rights.ts";

/** What an account lacks, and what would give it. */
export interface Denial {
  /** Such as `list nodes, watch pods`. */
  readonly missing: string;
  /** A role with these rights and its binding, as YAML. */
  readonly manifest: string;
}

/**
 * Asks the API server which of a run's rights the account lacks, in its namespace (`role`) or in the whole cluster (`observer`); undefined when
 * it lacks none. For after a 403 only: it costs a request for each right.
 */
export async function findDenial(
  cluster: Cluster,
  scope: "role" | "observer",
  signal: AbortSignal,
): Promise<Denial | undefined> {
  const rights = scope === "role" ? roleRights : observerRights;
  const wanted = rights.flatMap(({ group, resource, verbs }) => verbs.map((verb) => ({ group, resource, verb })));
  const place = scope === "role" ? { namespace: cluster.namespace } : {};
  const denied = await refused(cluster, wanted, { ...place, signal });
  if (denied.length === 0) return undefined;
  const user = await findUserName(cluster, signal).catch(() => "NAME");
  const missing = denied.map(({ verb, resource }) => `${verb} ${resource}`).join(", ");
  return { missing, manifest: manifestOf(cluster, scope, denied, user) };
}

function manifestOf(cluster: Cluster, scope: "role" | "observer", denied: readonly Access[], user: string): string {
  const kind = scope === "role" ? "Role" : "ClusterRole";
  const name = scope === "role" ? "gpu-ci" : "gpu-ci-observer";
  const metadata = { name, ...(scope === "role" ? { namespace: cluster.namespace } : {}) };
  const apiVersion = "rbac.authorization.k8s.io/v1";
  const byResource = Map.groupBy(denied, ({ group, resource }) => `${group}/${resource}`);
  const rules = [...byResource.values()].map((accesses) => ({
    apiGroups: [accesses[0]?.group ?? ""],
    resources: [accesses[0]?.resource ?? ""],
    verbs: accesses.map(({ verb }) => verb),
  }));
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind, name };
  const role = { apiVersion, kind, metadata, rules };
  const binding = { apiVersion, kind: `${kind}Binding`, metadata, roleRef, subjects: [subjectOf(user)] };
  return `${stringify(role)}---\n${stringify(binding)}`;
}

function subjectOf(user: string) {
  const [, namespace, name] = /^system:serviceaccount:([^:]+):(.+)$/.exec(user) ?? [];
  if (name === undefined) return { apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user };
  return { kind: "ServiceAccount", namespace, name };
}
