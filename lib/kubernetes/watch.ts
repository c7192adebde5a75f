import type { Cluster } from "./client.ts";
import type { ApiObject, Resource } from "./resource.ts";

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

/**
 * What is there (as ADDED), then every change, across cut connections and expired versions: no change is lost, though several may
 * come as one MODIFIED. It ends only by `break`, by the signal (its reason is thrown), or by an error: KubernetesError when
 * the server refuses, DomainError `api-unreachable` when it was away for too long.
 */
// biome-ignore lint/correctness/useYield: signature first
export async function* watchObjects<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void, void> {
  throw new Error(`not written ${cluster} ${resource} ${options}`);
}
