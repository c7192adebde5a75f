import type { Cluster } from "./client.ts";
import type { ApiObject, Resource } from "./resource.ts";

export interface CallOptions {
  /** Default is the cluster's. */
  readonly namespace?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For the whole call, further attempts included; default 60 s. */
  readonly timeoutMs?: number | undefined;
}

export interface ListOptions extends CallOptions {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly allNamespaces?: boolean;
}

export interface ObjectList<T> {
  readonly items: readonly T[];
  /** Where a watch that shall miss nothing begins. */
  readonly resourceVersion: string;
}

export interface CreateOptions extends CallOptions {
  /**
   * The name is ours alone, so a lost reply may be answered by sending again: a 409 on such a second attempt gives the object
   * that the first one made. A 409 on the first attempt is thrown.
   */
  readonly deterministicName?: boolean;
  readonly dryRun?: boolean;
}

export interface DeleteOptions extends CallOptions {
  readonly propagationPolicy?: "Foreground" | "Background" | "Orphan";
  readonly gracePeriodSeconds?: number;
  /** Only this incarnation: another object of the same name is left alone, which throws KubernetesError 409. */
  readonly uid?: string;
}

export interface ApplyOptions extends CallOptions {
  /** Take over fields that another manager owns. */
  readonly force?: boolean;
  readonly dryRun?: boolean;
}

/** The object, or undefined when there is none of this name. */
export async function getObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  name: string,
  options: CallOptions = {},
): Promise<T | undefined> {
  throw new Error(`not written ${cluster} ${resource} ${name} ${options}`);
}

/** All objects of a selection, read in pages of 500. */
export async function listObjects<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  options: ListOptions = {},
): Promise<ObjectList<T>> {
  throw new Error(`not written ${cluster} ${resource} ${options}`);
}

/** Creates an object and gives it as the server made it; apiVersion and kind are filled in. */
export async function createObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  object: T,
  options: CreateOptions = {},
): Promise<T> {
  throw new Error(`not written ${cluster} ${resource} ${object} ${options}`);
}

/** Asks for the deletion of an object; false when there was none of this name. Returns before it is gone. */
export async function deleteObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  name: string,
  options: DeleteOptions = {},
): Promise<boolean> {
  throw new Error(`not written ${cluster} ${resource} ${name} ${options}`);
}

/** Server-side apply as field manager gpu-ci; throws KubernetesError 409 when another manager owns a field, unless forced. */
export async function applyObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  object: T,
  options: ApplyOptions = {},
): Promise<T> {
  throw new Error(`not written ${cluster} ${resource} ${object} ${options}`);
}

/** Changes the given fields (JSON merge patch, RFC 7386): null removes one, a list is replaced as a whole. */
export async function patchObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  name: string,
  patch: object,
  options: CallOptions = {},
): Promise<T> {
  throw new Error(`not written ${cluster} ${resource} ${name} ${patch} ${options}`);
}
