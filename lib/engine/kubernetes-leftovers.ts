import pLimit from "p-limit";
import { deadline, sleep } from "../abort.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { deleteObject, getObject, listObjects } from "../kubernetes/object.ts";
import { type ApiObject, jobs, pods, type Resource } from "../kubernetes/resource.ts";
import { listServedResources, type ServedResource } from "../kubernetes/served-resources.ts";
import { judgeRun, type Leftover } from "./leftover.ts";

export interface FindOptions {
  /** Value of the label gpu-ci/run; default is every run. */
  readonly run?: string;
  /** Default is every one that the account may look at. */
  readonly namespace?: string | undefined;
  readonly now: Date;
  readonly signal: AbortSignal;
}

interface Found {
  readonly resource: Resource<ApiObject>;
  readonly object: ApiObject;
}

const removalTimeoutMs = 60_000;
const pollMs = 200;

/**
 * Everything in the cluster that tests of ours made, of whatever kind, with the judgement on its run; what goes with its owner is left out.
 * What the account may not list is told to the cluster's log in one line.
 */
export async function findLeftovers(cluster: Cluster, options: FindOptions): Promise<readonly Leftover[]> {
  const { signal, now, run } = options;
  const labelSelector = `app.kubernetes.io/managed-by=gpu-ci,gpu-ci/run${run === undefined ? "" : `=${run}`}`;
  const scope = await scopeOf(cluster, { ...options, labelSelector });
  const refused: string[] = [];
  const limit = pLimit(8);
  const listOne = async (resource: ServedResource): Promise<readonly Found[]> => {
    try {
      const { items } = await listObjects(cluster, resource, { labelSelector, signal, ...scope });
      return items.map((object) => ({ resource, object }));
    } catch (error) {
      if (isStatus(error, 403)) refused.push(resource.plural);
      else if (!isStatus(error, 404) && !isStatus(error, 405)) throw error;
      return [];
    }
  };
  const kinds = (await listServedResources(cluster, { signal })).filter((kind) => isSwept(kind, scope));
  const found = (await Promise.all(kinds.map((kind) => limit(() => listOne(kind))))).flat();
  if (refused.length > 0) cluster.log.info(`Not looked at, for the account may not list them: ${refused.join(", ")}.`);
  return (await Promise.all([...byRun(found).values()].map((objects) => toLeftovers(cluster, objects, now)))).flat();
}

interface Scope {
  readonly allNamespaces?: boolean;
  readonly namespace?: string;
}

async function scopeOf(
  cluster: Cluster,
  { namespace, labelSelector, signal }: FindOptions & { readonly labelSelector: string },
): Promise<Scope> {
  if (namespace !== undefined) return { namespace };
  try {
    await listObjects(cluster, jobs, { labelSelector, allNamespaces: true, signal });
    return { allNamespaces: true };
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
    cluster.log.info(`The account may not look into every namespace: only ${cluster.namespace} is looked at.`);
    return { namespace: cluster.namespace };
  }
}

function isSwept({ plural, verbs, namespaced }: ServedResource, { allNamespaces }: Scope): boolean {
  const isOfScope = namespaced || allNamespaces === true;
  return isOfScope && plural !== "events" && verbs.includes("list") && verbs.includes("delete");
}

function byRun(found: readonly Found[]): Map<string, Found[]> {
  return Map.groupBy(found, ({ object: { metadata } }) => `${metadata?.labels?.["gpu-ci/run"]}`);
}

async function toLeftovers(cluster: Cluster, found: readonly Found[], now: Date): Promise<Leftover[]> {
  const end = await judgeRun(
    found.map(({ object }) => object.metadata?.annotations ?? {}),
    now,
  );
  const uids = new Set(found.map(({ object }) => object.metadata?.uid));
  const isOwned = ({ object }: Found) => object.metadata?.ownerReferences?.some(({ uid }) => uids.has(uid)) === true;
  return found
    .filter((one) => !isOwned(one))
    .map(({ resource, object }) => {
      const { name = "", namespace = "", uid = "", labels, creationTimestamp } = object.metadata ?? {};
      const run = labels?.["gpu-ci/run"] ?? "";
      const createdAt = creationTimestamp === undefined ? undefined : new Date(creationTimestamp);
      const remove = () => removeObject(cluster, { resource, name, namespace, uid, run });
      return { place: "kubernetes", kind: resource.kind, name, namespace, run, createdAt, ...end, remove };
    });
}

interface Removed {
  readonly resource: Resource<ApiObject>;
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
  readonly run: string;
}

/** By its uid: an object that was made anew under the same name is another's. Returns when it is gone, a Job with its pods. */
async function removeObject(cluster: Cluster, { resource, name, namespace, uid, run }: Removed): Promise<void> {
  using limit = deadline(`Removing ${resource.kind} ${name}`, removalTimeoutMs);
  const { signal } = limit;
  const place = namespace === "" ? {} : { namespace };
  await deleteObject(cluster, resource, name, { ...place, uid, propagationPolicy: "Background", signal });
  while ((await getObject(cluster, resource, name, { ...place, signal }))?.metadata?.uid === uid)
    await sleep(pollMs, signal);
  if (resource.kind !== jobs.kind) return;
  const labelSelector = `gpu-ci/run=${run},batch.kubernetes.io/job-name=${name}`;
  while ((await listObjects(cluster, pods, { namespace, labelSelector, signal })).items.length > 0)
    await sleep(pollMs, signal);
}
