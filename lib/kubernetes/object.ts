import type { ApiRequest } from "./api-request.ts";
import type { Cluster } from "./client.ts";
import { isStatus } from "./kubernetes-error.ts";
import { type ApiObject, apiVersionOf, type Resource, resourcePath } from "./resource.ts";

const fieldManager = "gpu-ci";

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
  /** Refuse fields that the kind does not have; without it the server drops them. */
  readonly strict?: boolean;
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

export interface PatchOptions extends CallOptions {
  readonly patch: object;
}

/** The object, or undefined when there is none of this name. */
export async function getObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  name: string,
  options: CallOptions = {},
): Promise<T | undefined> {
  try {
    return await cluster.request<T>({
      method: "GET",
      path: pathOf(cluster, resource, options, name),
      ...limits(options),
    });
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

/** All objects of a selection, read in pages of 500. */
export async function listObjects<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  options: ListOptions = {},
): Promise<ObjectList<T>> {
  try {
    return await listPages(cluster, resource, options, 500);
  } catch (error) {
    // The pages' common version was compacted away between two of them: read all at once instead, as client-go does.
    if (isStatus(error, 410)) return await listPages(cluster, resource, options, undefined);
    throw error;
  }
}

/** Creates an object and gives it as the server made it; apiVersion and kind are filled in. */
export async function createObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  object: T,
  options: CreateOptions = {},
): Promise<T> {
  const name = object.metadata?.name;
  let mayExist = false;
  try {
    return await cluster.request<T>({
      method: "POST",
      path: pathOf(cluster, resource, { ...options, namespace: options.namespace ?? object.metadata?.namespace }),
      query: {
        fieldManager,
        dryRun: options.dryRun ? "All" : undefined,
        fieldValidation: options.strict ? "Strict" : undefined,
      },
      body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
      idempotent: options.deterministicName === true,
      onResend: (error) => {
        mayExist ||= !isStatus(error, 429);
      },
      ...limits(options),
    });
  } catch (error) {
    if (!(mayExist && name !== undefined && isStatus(error, 409))) throw error;
    const existing = await getObject(cluster, resource, name, options);
    if (existing === undefined) throw error;
    return existing;
  }
}

/** Asks for the deletion of an object; false when there was none of this name. Returns before it is gone. */
export async function deleteObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  name: string,
  options: DeleteOptions = {},
): Promise<boolean> {
  const { propagationPolicy, gracePeriodSeconds, uid } = options;
  const body = {
    apiVersion: "v1",
    kind: "DeleteOptions",
    propagationPolicy,
    gracePeriodSeconds,
    preconditions: uid === undefined ? undefined : { uid },
  };
  try {
    await cluster.request({
      method: "DELETE",
      path: pathOf(cluster, resource, options, name),
      body,
      ...limits(options),
    });
    return true;
  } catch (error) {
    if (isStatus(error, 404)) return false;
    throw error;
  }
}

/** Server-side apply as field manager gpu-ci; throws KubernetesError 409 when another manager owns a field, unless forced. */
export async function applyObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  object: T,
  options: ApplyOptions = {},
): Promise<T> {
  const name = object.metadata?.name;
  if (name === undefined) throw new Error(`An applied ${resource.kind} needs a name.`);
  return await cluster.request<T>({
    method: "PATCH",
    path: pathOf(cluster, resource, { ...options, namespace: options.namespace ?? object.metadata?.namespace }, name),
    query: { fieldManager, force: options.force, dryRun: options.dryRun ? "All" : undefined },
    body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
    contentType: "application/apply-patch+yaml",
    ...limits(options),
  });
}

/** Changes the given fields (JSON merge patch, RFC 7386): null removes one, a list is replaced as a whole. */
export async function patchObject<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  name: string,
  options: PatchOptions,
): Promise<T> {
  return await cluster.request<T>({
    method: "PATCH",
    path: pathOf(cluster, resource, options, name),
    query: { fieldManager },
    body: options.patch,
    contentType: "application/merge-patch+json",
    ...limits(options),
  });
}

interface Page<T> {
  readonly items: readonly T[];
  readonly metadata: { readonly resourceVersion?: string; readonly continue?: string };
}

async function listPages<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  options: ListOptions,
  limit: number | undefined,
): Promise<ObjectList<T>> {
  const { labelSelector, fieldSelector } = options;
  const items: T[] = [];
  let token: string | undefined;
  for (;;) {
    const query = { labelSelector, fieldSelector, limit, continue: token };
    const page = await cluster.request<Page<T>>({
      method: "GET",
      path: pathOf(cluster, resource, options),
      query,
      ...limits(options),
    });
    // Items of a list come without the fields that all of them share.
    for (const item of page.items) items.push({ ...item, apiVersion: apiVersionOf(resource), kind: resource.kind });
    token = page.metadata.continue || undefined;
    if (token === undefined) return { items, resourceVersion: page.metadata.resourceVersion ?? "" };
  }
}

function pathOf(cluster: Cluster, resource: Resource<ApiObject>, options: ListOptions, name?: string): string {
  return resourcePath(resource, options.allNamespaces ? undefined : (options.namespace ?? cluster.namespace), name);
}

function limits({ signal, timeoutMs }: CallOptions): Pick<ApiRequest, "signal" | "timeoutMs"> {
  return { signal, timeoutMs };
}
