import { type Access, findUserName, listDenied, refused } from "../../lib/kubernetes/access.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import {
  formatRights,
  hostingAccess,
  observerRights,
  type Right,
  roleRights,
} from "../../lib/kubernetes/needed-rights.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

const roleSubject: Subject = { group: "cluster", topic: "rights" };
const observerSubject: Subject = { group: "cluster", topic: "observer rights" };

/** Whether the account may do what a run does (interfaces.md 5), each refusal with the Role that lacks it. */
export async function rightsFindings(cluster: Cluster, signal: AbortSignal): Promise<readonly Finding[]> {
  const { namespace } = cluster;
  const [user, deniedHosting, deniedInRole, deniedEverywhere] = await Promise.all([
    findUserName(cluster, signal),
    refused(cluster, [hostingAccess], { namespace: "kube-public", signal }),
    listDenied(cluster, flat(roleRights), { namespace, signal }),
    refused(cluster, flat(observerRights), { signal }),
  ]);
  return [
    deniedInRole.length === 0
      ? ok(roleSubject, `${user} may do all that a run needs in namespace ${namespace}`)
      : problem(roleSubject, "missing", {
          code: "rights-missing",
          found: `${user} may not in namespace ${namespace}: ${formatRights(grouped(deniedInRole))}`,
          remedy: `Add these rules to a Role there, as runner-deploy's Role gpu-ci-runner has them, and bind it: kubectl create rolebinding gpu-ci-runner --role=gpu-ci-runner ${subjectFlag(user)} --namespace=${namespace}`,
        }),
    deniedEverywhere.length === 0
      ? ok(observerSubject, "may look at nodes and pods")
      : problem(observerSubject, "limited", {
          code: "observer-rights-missing",
          found: `${user} may not in the whole cluster: ${formatRights(grouped(deniedEverywhere))}`,
          cause: "a test that waits for a GPU cannot be told why",
          remedy: `Bind ClusterRole gpu-ci-observer, which has these rules: kubectl create clusterrolebinding gpu-ci-observer --clusterrole=gpu-ci-observer ${subjectFlag(user)}`,
        }),
    ...(deniedHosting.length === 0 ? [] : [hostingHidden(user)]),
  ];
}

function hostingHidden(user: string): Finding {
  return problem(observerSubject, "limited", {
    code: "registry-hosting-hidden",
    found: `${user} may not read ConfigMap local-registry-hosting in namespace kube-public`,
    cause: "the cluster's registry has to be named by the input registry",
    remedy: `Bind a Role there that may get it, as runner-deploy has one: kubectl create role gpu-ci --verb=get --resource=configmaps --resource-name=local-registry-hosting --namespace=kube-public; kubectl create rolebinding gpu-ci --role=gpu-ci ${subjectFlag(user)} --namespace=kube-public`,
  });
}

function flat(rights: readonly Right[]): readonly Access[] {
  return rights.flatMap(({ group, resource, verbs }) => verbs.map((verb) => ({ group, resource, verb })));
}

function grouped(denied: readonly Access[]): readonly Right[] {
  const byResource = Map.groupBy(denied, ({ group, resource }) => `${resource}.${group}`);
  return [...byResource.values()].map((accesses) => ({
    group: accesses[0]?.group ?? "",
    resource: accesses[0]?.resource ?? "",
    verbs: accesses.map(({ verb }) => verb),
  }));
}

function subjectFlag(user: string): string {
  const [, account] = /^system:serviceaccount:(.+)$/.exec(user) ?? [];
  return account === undefined ? `--user=${user}` : `--serviceaccount=${account}`;
}
