import { deadline, sleep } from "../abort.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { deleteObject, getObject, listObjects } from "../kubernetes/object.ts";
import { jobs, pods, secrets } from "../kubernetes/resource.ts";
import { watchObjects } from "../kubernetes/watch.ts";

export interface RemovalOptions {
  /** Name of the Job and of its Secret. */
  readonly name: string;
  /** Value of the label gpu-ci/run: an object of this name without it is not ours and stays. */
  readonly run: string;
  readonly timeoutMs?: number;
}

const pollMs = 150;

/**
 * Removes a test by its name alone, for when nobody follows it: the Job first, then whatever is left of its Secret, and waits until its pods are
 * gone. Does nothing for objects that are not of this run. Throws DomainError `deadline-exceeded`.
 */
export async function removeTest(cluster: Cluster, { name, run, timeoutMs = 60_000 }: RemovalOptions): Promise<void> {
  using limit = deadline(`Removing Job ${name}`, timeoutMs);
  const { signal } = limit;
  const job = await getObject(cluster, jobs, name, { signal });
  if (job?.metadata?.labels?.["gpu-ci/run"] === run) await deleteJob(cluster, name, signal);
  const secret = await getObject(cluster, secrets, name, { signal });
  if (secret?.metadata?.labels?.["gpu-ci/run"] === run) await deleteObject(cluster, secrets, name, { signal });
  await podsGone(cluster, name, signal);
}

/** Waits until no pod is left of a Job that was deleted. Throws DomainError `deadline-exceeded`. */
export async function confirmRemoval(cluster: Cluster, name: string, timeoutMs = 60_000): Promise<void> {
  using limit = deadline(`Removing Job ${name}`, timeoutMs);
  await podsGone(cluster, name, limit.signal);
}

/** Deletes the Job; its pods and its Secret follow by the cluster's own garbage collection. */
export async function deleteJob(cluster: Cluster, name: string, signal: AbortSignal): Promise<boolean> {
  return deleteObject(cluster, jobs, name, { propagationPolicy: "Background", signal });
}

/** Waits until a Secret that has an owner is collected; deletes it where it has none. */
export async function secretGone(cluster: Cluster, name: string, isOwned: boolean, signal: AbortSignal): Promise<void> {
  if (!isOwned) await deleteObject(cluster, secrets, name, { signal });
  while (await getObject(cluster, secrets, name, { signal })) await sleep(pollMs, signal);
}

async function podsGone(cluster: Cluster, name: string, signal: AbortSignal): Promise<void> {
  const labelSelector = `batch.kubernetes.io/job-name=${name}`;
  try {
    const { items, resourceVersion } = await listObjects(cluster, pods, { labelSelector, signal });
    const alive = new Set(items.map(({ metadata }) => metadata?.uid));
    if (alive.size === 0) return;
    for await (const { type, object } of watchObjects(cluster, pods, { labelSelector, resourceVersion, signal })) {
      if (type === "DELETED") alive.delete(object.metadata?.uid);
      else alive.add(object.metadata?.uid);
      if (alive.size === 0) return;
    }
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
  }
}
