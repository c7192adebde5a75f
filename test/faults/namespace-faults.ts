import { setTimeout as sleep } from "node:timers/promises";
import { createObject } from "../../lib/kubernetes/object.ts";
import { type ApiObject, pods, type Resource } from "../../lib/kubernetes/resource.ts";
import type { JobScene } from "./job-scene.ts";

const resource = (group: string, plural: string, kind: string): Resource<ApiObject> => ({
  group,
  version: "v1",
  plural,
  kind,
  namespaced: true,
});

/** A token of an account that may do what a test needs, and look at nothing else. */
export async function limitedToken({ cluster, namespace }: JobScene): Promise<string> {
  const rbac = "rbac.authorization.k8s.io";
  const rules = [
    { apiGroups: ["batch"], resources: ["jobs"], verbs: ["get", "list", "watch", "create", "delete"] },
    { apiGroups: [""], resources: ["secrets"], verbs: ["get", "list", "create", "patch", "delete"] },
    { apiGroups: [""], resources: ["pods", "pods/log"], verbs: ["get", "list", "watch"] },
  ];
  const roleRef = { apiGroup: rbac, kind: "Role", name: "limited" };
  const metadata = { name: "limited" };
  await createObject(cluster, resource("", "serviceaccounts", "ServiceAccount"), { metadata });
  const role: ApiObject & { rules: object[] } = { metadata, rules };
  await createObject(cluster, resource(rbac, "roles", "Role"), role);
  const subjects = [{ kind: "ServiceAccount", name: "limited", namespace }];
  const binding: ApiObject & { roleRef: object; subjects: object[] } = { metadata, roleRef, subjects };
  await createObject(cluster, resource(rbac, "rolebindings", "RoleBinding"), binding);
  const { status } = await cluster.request<{ status: { token: string } }>({
    method: "POST",
    path: `/api/v1/namespaces/${namespace}/serviceaccounts/limited/token`,
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  });
  return status.token;
}

/** A quota of one pod, which is there already. */
export async function fillPodQuota({ cluster, namespace, image }: JobScene): Promise<void> {
  const quotas = resource("", "resourcequotas", "ResourceQuota");
  const quota: ApiObject & { spec: object } = { metadata: { name: "full" }, spec: { hard: { pods: "1" } } };
  await createBystander({ cluster, image }, "bystander", {});
  await createObject(cluster, quotas, quota);
  // Before it was counted it stops nobody.
  const used = async () => {
    const path = `/api/v1/namespaces/${namespace}/resourcequotas/full`;
    const { status } = await cluster.request<{ status: { used?: { pods?: string } } }>({ method: "GET", path });
    return status.used?.pods;
  };
  while ((await used()) !== "1") await sleep(100);
}

/** A pod of somebody else. */
export async function createBystander(
  { cluster, image }: Pick<JobScene, "cluster" | "image">,
  name: string,
  { labels = {}, limits = {} }: { labels?: Record<string, string>; limits?: Record<string, string> },
): Promise<void> {
  const container = { name: "main", image, command: ["sleep", "3600"], resources: { limits } };
  const spec = { terminationGracePeriodSeconds: 0, containers: [container] };
  await createObject(cluster, pods, { metadata: { name, labels }, spec });
}
