import { deadline } from "../abort.ts";
import type { Cluster } from "./client.ts";
import { isStatus } from "./kubernetes-error.ts";
import { listObjects } from "./object.ts";
import { createReconnect } from "./reconnect.ts";
import { type ApiObject, apiVersionOf, type Resource } from "./resource.ts";
import { openWatch, type WatchFrame } from "./watch-connection.ts";

export interface WatchEvent<T> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly object: T;
}

export interface WatchOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Default is the cluster's. */
  readonly namespace?: string | undefined;
  readonly allNamespaces?: boolean;
  /** Go on from here without a list, as listObjects gave it. */
  readonly resourceVersion?: string;
  readonly signal: AbortSignal;
  /** Ends the watch with a DomainError `deadline-exceeded`; no limit by default. */
  readonly timeoutMs?: number | undefined;
}

/** What is known to exist, by uid. */
type Known<T> = Map<string, T>;

/**
 * What is there (as ADDED), then every change, across cut connections and expired versions: no change is lost, though several may
 * come as one MODIFIED. It ends only by `break`, by the signal (its reason is thrown), or by an error: KubernetesError when
 * the server refuses, DomainError `api-unreachable` when it was away for too long.
 */
export async function* watchObjects<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, void> {
  using limit =
    options.timeoutMs === undefined
      ? undefined
      : deadline(`Watching ${resource.plural}`, options.timeoutMs, options.signal);
  const signal = limit?.signal ?? options.signal;
  const reconnect = createReconnect(cluster, signal);
  const selection = { ...options, signal, timeoutMs: undefined, onOpen: () => reconnect.connected() };
  const known: Known<T> = new Map();
  let version = options.resourceVersion;
  for (;;) {
    try {
      if (version === undefined) {
        const list = await listObjects(cluster, resource, selection);
        version = list.resourceVersion;
        yield* changesTo(known, list.items);
      }
      for await (const frame of openWatch(cluster, resource, { ...selection, resourceVersion: version })) {
        reconnect.progressed();
        version = frame.object.metadata?.resourceVersion ?? version;
        const event = takeFrame(known, resource, frame);
        if (event) yield event;
      }
      await reconnect.afterEnd();
    } catch (error) {
      signal.throwIfAborted();
      // The version was compacted away: what is there now, compared with what we know, tells what happened since.
      const isExpired = isStatus(error, 410);
      if (isExpired) version = undefined;
      await (isExpired ? reconnect.afterEnd() : reconnect.afterFailure(error));
    }
  }
}

function* changesTo<T extends ApiObject>(known: Known<T>, items: readonly T[]): Generator<WatchEvent<T>, void, void> {
  const present = new Set(items.map(uidOf));
  for (const [uid, object] of known) {
    if (present.has(uid)) continue;
    known.delete(uid);
    yield { type: "DELETED", object };
  }
  for (const object of items) {
    const before = known.get(uidOf(object));
    if (before !== undefined && !isNewer(object, before)) continue;
    known.set(uidOf(object), object);
    yield { type: before === undefined ? "ADDED" : "MODIFIED", object };
  }
}

function takeFrame<T extends ApiObject>(
  known: Known<T>,
  resource: Resource<T>,
  frame: WatchFrame<T>,
): WatchEvent<T> | undefined {
  if (frame.type === "BOOKMARK") return undefined;
  const object = { ...frame.object, apiVersion: apiVersionOf(resource), kind: resource.kind };
  const uid = uidOf(object);
  if (frame.type === "DELETED") {
    known.delete(uid);
    return { type: "DELETED", object };
  }
  const before = known.get(uid);
  // Another server behind the same address may lag behind the one we heard before.
  if (before !== undefined && !isNewer(object, before)) return undefined;
  known.set(uid, object);
  return { type: frame.type, object };
}

/** Versions of one object compare as numbers: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
function isNewer(object: ApiObject, before: ApiObject): boolean {
  return Number(object.metadata?.resourceVersion ?? 0) > Number(before.metadata?.resourceVersion ?? 0);
}

function uidOf(object: ApiObject): string {
  return object.metadata?.uid ?? `${object.metadata?.namespace}/${object.metadata?.name}`;
}
