import { formatDuration } from "../../lib/duration.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { type ApiObject, jobs, pods, type Resource, secrets } from "../../lib/kubernetes/resource.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "leftovers", topic: "in the cluster" };
const labelSelector = "app.kubernetes.io/managed-by=gpu-ci";
const expiresAnnotation = "gpu-ci/expires";

export interface LeftoverOptions {
  /** All of them; else the cluster's own. */
  readonly allNamespaces: boolean;
  readonly now: Date;
  readonly signal: AbortSignal;
}

interface Leftover {
  readonly resource: Resource<ApiObject>;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly expiredMs: number;
}

/** Objects with our label whose time has passed: a run that was killed left them. Only these are ours to remove. */
export async function leftoverFindings(cluster: Cluster, options: LeftoverOptions): Promise<readonly Finding[]> {
  const list = <T extends ApiObject>(resource: Resource<T>) => listExpired(cluster, resource, options);
  const leftovers = (await Promise.all([list(jobs), list(pods), list(secrets)])).flat();
  const where = options.allNamespaces ? "any namespace" : `namespace ${cluster.namespace}`;
  if (leftovers.length === 0) return [ok(subject, `nothing of ours that expired in ${where}`)];
  const byNamespace = Map.groupBy(leftovers, ({ namespace }) => namespace);
  return [...byNamespace].map(([namespace, group]) => {
    const oldest = Math.max(...group.map(({ expiredMs }) => expiredMs));
    return problem(subject, "limited", {
      code: "expired-leftovers",
      found: `${listNames(group)} in namespace ${namespace}, expired up to ${formatDuration(oldest)} ago`,
      cause: "a run was killed before it could clean up; a Job among them may hold a GPU",
      remedy: `gpu-ci doctor --fix --namespace ${namespace}`,
      fix: () => remove(cluster, group),
    });
  });
}

async function listExpired<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  { allNamespaces, now, signal }: LeftoverOptions,
): Promise<readonly Leftover[]> {
  const { items } = await listObjects(cluster, resource, { labelSelector, allNamespaces, signal });
  return items.flatMap(({ metadata }) => {
    const expiredMs = now.getTime() - Date.parse(metadata?.annotations?.[expiresAnnotation] ?? "");
    // What a Job or another controller made goes with it.
    const isOwned = metadata?.ownerReferences?.some(({ controller }) => controller === true) === true;
    if (!(expiredMs > 0) || isOwned) return [];
    const { namespace = "", name = "", uid = "" } = metadata ?? {};
    return [{ resource, namespace, name, uid, expiredMs }];
  });
}

/** By name and uid: an object that was made anew under the same name is another run's. */
async function remove(cluster: Cluster, leftovers: readonly Leftover[]): Promise<string> {
  for (const { resource, namespace, name, uid } of leftovers) {
    await deleteObject(cluster, resource, name, {
      namespace,
      uid,
      propagationPolicy: "Background",
      timeoutMs: 10_000,
    }).catch((error: unknown) => {
      if (!isStatus(error, 409)) throw error;
    });
  }
  return `removed ${listNames(leftovers)} in namespace ${leftovers[0]?.namespace}`;
}

function listNames(leftovers: readonly Leftover[]): string {
  const shown = leftovers.slice(0, 5).map(({ resource, name }) => `${resource.kind} ${name}`);
  const rest = leftovers.length - shown.length;
  return rest > 0 ? `${shown.join(", ")} and ${rest} more` : shown.join(", ");
}
