import type { Cluster } from "../kubernetes/client.ts";
import { deleteObject, listObjects } from "../kubernetes/object.ts";
import { type ApiObject, jobs, type Resource, secrets } from "../kubernetes/resource.ts";
import type { Log } from "../log.ts";

export interface SweepDeps {
  readonly log: Log;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/**
 * Removes what runs of ours left behind in this namespace when they were killed: objects with our label whose `gpu-ci/expires` has passed.
 * It never fails the run it is a part of, and it is not waited for.
 */
export function sweepExpired(cluster: Cluster, deps: SweepDeps): void {
  Promise.all([sweep(cluster, jobs, deps), sweep(cluster, secrets, deps)]).catch((error: unknown) => {
    if (!deps.signal.aborted)
      deps.log.debug(`Expired objects of earlier runs could not be looked for: ${String(error)}`);
  });
}

async function sweep<T extends ApiObject>(cluster: Cluster, resource: Resource<T>, deps: SweepDeps): Promise<void> {
  const { log, now, signal } = deps;
  const { items } = await listObjects(cluster, resource, {
    labelSelector: "app.kubernetes.io/managed-by=gpu-ci",
    signal,
  });
  for (const { metadata } of items.filter((object) => isExpired(object, now()))) {
    const [name, uid] = [metadata?.name ?? "", metadata?.uid ?? ""];
    log.info(`Removing ${resource.kind} ${name}, which an interrupted run left behind.`);
    await deleteObject(cluster, resource, name, { propagationPolicy: "Background", uid, signal });
  }
}

/** Whether the time in an object's annotation `gpu-ci/expires` has passed; an object without it is left alone. */
export function isExpired(object: ApiObject, now: Date): boolean {
  const expires = Date.parse(object.metadata?.annotations?.["gpu-ci/expires"] ?? "");
  return Number.isFinite(expires) && expires < now.getTime();
}
