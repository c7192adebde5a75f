import { deadline, sleep } from "../abort.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { createDiscovery } from "../kubernetes/discovery.ts";
import { isStatus, KubernetesError } from "../kubernetes/kubernetes-error.ts";
import type { ManifestObject } from "../kubernetes/manifest.ts";
import { createObject, deleteObject, getObject, listObjects } from "../kubernetes/object.ts";
import { type ApiObject, pods, type Resource, secrets } from "../kubernetes/resource.ts";
import type { Log } from "../log.ts";
import { isExpired } from "./kubernetes-sweep.ts";
import { inKindOrder, markObject, type StackMarks, stackLabel } from "./stack-object.ts";

export interface StackOptions {
  readonly cluster: Cluster;
  readonly marks: StackMarks;
  readonly objects: readonly ManifestObject[];
  readonly log: Log;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

/** An object of a stack, and where the cluster serves it. */
export interface PlacedObject {
  readonly resource: Resource<ApiObject>;
  readonly kind: string;
  readonly name: string;
  readonly object: ManifestObject;
}

const runLabel = "gpu-ci/run";
const pollMs = 200;

/**
 * Makes a stack's objects: all of them are tried without effect first, then a Secret that lists them and owns them, then they themselves in the
 * order of their kinds. They are created and never applied: what exists already is nobody's to change. Throws DomainError `stack-failed`,
 * `admission-refused` or `not-authorized`; what was made by then, `removeStack` removes.
 */
export async function createStack(options: StackOptions): Promise<readonly PlacedObject[]> {
  const { cluster, marks, signal, log } = options;
  const placed = await placeObjects(options);
  await removeLeftovers(options);
  for (const object of placed) await create(object, options, { dryRun: true });
  const owner = await createObject(cluster, secrets, ownerOf(marks, placed), { deterministicName: true, signal });
  const { name = "", uid = "" } = owner.metadata ?? {};
  const ownerReferences = [{ apiVersion: "v1", kind: "Secret", name, uid }];
  for (const object of placed) await create(object, options, { ownerReferences });
  log.info(`Made a stack of ${placed.map(({ kind, name: made }) => `${kind} ${made}`).join(", ")}.`);
  return placed;
}

/** A stack of this run's own earlier try, and those of runs that were killed: their names may be the same. */
async function removeLeftovers({ cluster, marks, log, now, signal }: StackOptions): Promise<void> {
  const { items } = await listObjects(cluster, secrets, { labelSelector: stackLabel, signal });
  for (const secret of items) {
    const { name = "", labels = {} } = secret.metadata ?? {};
    const isOwn = name === marks.name && labels[runLabel] === marks.labels[runLabel];
    if (!isOwn && !isExpired(secret, now())) continue;
    log.info(`Removing stack ${name}, which an interrupted run left behind.`);
    await removeStack(cluster, { name, run: labels[runLabel] ?? "" });
  }
}

async function placeObjects({ cluster, objects, signal }: StackOptions): Promise<readonly PlacedObject[]> {
  const find = createDiscovery(cluster, signal);
  const placed = objects.map(async (object): Promise<PlacedObject> => {
    const { kind, apiVersion, metadata } = object;
    const resource = await find(apiVersion, kind);
    if (!resource) {
      throw new DomainError(
        "stack-failed",
        `${kind} ${metadata.name}: this cluster serves no ${kind} of ${apiVersion}.`,
        {
          hint: "The API was removed, or its definition is not installed; `kubectl api-resources` lists what is served.",
        },
      );
    }
    if (!resource.namespaced) {
      throw new DomainError(
        "stack-failed",
        `${kind} ${metadata.name} belongs to no namespace, and a stack stays within its own.`,
        {
          hint: "Whoever installs the cluster makes namespaces, cluster roles and the like.",
        },
      );
    }
    return { resource, kind, name: metadata.name, object };
  });
  return inKindOrder(await Promise.all(placed));
}

async function create(
  { resource, kind, name, object }: PlacedObject,
  { cluster, marks, signal }: StackOptions,
  { dryRun = false, ownerReferences }: { dryRun?: boolean; ownerReferences?: object[] },
): Promise<void> {
  const marked = markObject(object, marks);
  const metadata = {
    ...marked.metadata,
    namespace: cluster.namespace,
    ...(ownerReferences ? { ownerReferences } : {}),
  };
  try {
    const options = { deterministicName: true, strict: true, dryRun, signal };
    await createObject(cluster, resource, { ...marked, metadata } as ApiObject, options);
  } catch (error) {
    if (!(error instanceof KubernetesError)) throw error;
    if (error.status === 409) throw await alreadyThere(cluster, { resource, kind, name, object }, signal);
    const lacksRight = error.status === 401 || (error.status === 403 && /cannot \w+ resource/.test(error.message));
    const code = lacksRight ? "not-authorized" : "admission-refused";
    const hint = lacksRight ? { hint: "The chart's value jobs.stacks grants it." } : {};
    throw new DomainError(code, `${kind} ${name} of the stack: ${error.message}`, { cause: error, ...hint });
  }
}

async function alreadyThere(cluster: Cluster, { resource, kind, name }: PlacedObject, signal: AbortSignal) {
  const existing = await getObject(cluster, resource, name, { signal });
  const run = existing?.metadata?.labels?.[runLabel];
  const owner = run === undefined ? "it is not of gpu-ci" : `it belongs to run ${run}`;
  return new DomainError("stack-failed", `${kind} ${name} is already in namespace ${cluster.namespace}: ${owner}.`, {
    hint: "Give each run a namespace of its own, or put {{ .Run }} into the names.",
    retryable: run !== undefined,
  });
}

/** The Secret behind a stack: when it goes, the cluster removes the rest, whoever is alive by then. */
function ownerOf({ name, labels, annotations }: StackMarks, placed: readonly PlacedObject[]) {
  const list = placed.map(({ resource, name: object }) => ({ ...resource, name: object }));
  return {
    metadata: { name, labels: { ...labels, [stackLabel]: name }, annotations },
    type: "Opaque",
    immutable: true,
    stringData: { objects: JSON.stringify(list) },
  };
}

export interface StackRemoval {
  readonly name: string;
  /** Value of the label gpu-ci/run: a stack of another run stays. */
  readonly run: string;
  readonly timeoutMs?: number;
}

/**
 * Removes a stack by its name alone and returns when its objects and their pods are gone; does nothing where there is none. Throws DomainError
 * `deadline-exceeded`.
 */
export async function removeStack(cluster: Cluster, { name, run, timeoutMs = 60_000 }: StackRemoval): Promise<void> {
  using limit = deadline(`Removing stack ${name}`, timeoutMs);
  const { signal } = limit;
  const owner = await getObject(cluster, secrets, name, { signal });
  const { labels } = owner?.metadata ?? {};
  if (labels?.[stackLabel] !== name || labels[runLabel] !== run) return;
  const list = Buffer.from(owner?.data?.objects ?? "", "base64").toString();
  // It goes first: after this one call nothing can stay behind.
  await deleteObject(cluster, secrets, name, { propagationPolicy: "Background", signal });
  const placed = JSON.parse(list) as readonly (Resource<ApiObject> & { name: string })[];
  await Promise.all(placed.map((resource) => removeObject(cluster, resource, { stack: name, signal })));
  const labelSelector = `${stackLabel}=${name}`;
  while ((await listObjects(cluster, pods, { labelSelector, signal })).items.length > 0) await sleep(pollMs, signal);
}

async function removeObject(
  cluster: Cluster,
  resource: Resource<ApiObject> & { readonly name: string },
  { stack, signal }: { readonly stack: string; readonly signal: AbortSignal },
): Promise<void> {
  for (let asked = false; ; asked = true) {
    const { metadata } = (await getObject(cluster, resource, resource.name, { signal })) ?? {};
    if (metadata?.labels?.[stackLabel] !== stack) return;
    const uid = metadata.uid ?? "";
    if (asked) await sleep(pollMs, signal);
    else
      await deleteObject(cluster, resource, resource.name, { propagationPolicy: "Background", uid, signal }).catch(
        ignoreGone,
      );
  }
}

/** Another object has its name by now, or it is gone. */
function ignoreGone(error: unknown): void {
  if (!isStatus(error, 409)) throw error;
}
