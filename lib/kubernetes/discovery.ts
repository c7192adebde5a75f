import type { Cluster } from "./client.ts";
import { isStatus } from "./kubernetes-error.ts";
import type { ApiObject, Resource } from "./resource.ts";

interface ApiResourceList {
  readonly resources: readonly { readonly name: string; readonly kind: string; readonly namespaced: boolean }[];
}

/** Where the cluster serves objects of a kind; undefined when it does not, as for an API that was removed or never installed. */
export type FindResource = (apiVersion: string, kind: string) => Promise<Resource<ApiObject> | undefined>;

/** Asks the cluster once for each group and version. */
export function createDiscovery(cluster: Cluster, signal: AbortSignal): FindResource {
  const asked = new Map<string, Promise<ApiResourceList>>();
  return async (apiVersion, kind) => {
    const list = asked.get(apiVersion) ?? readResources(cluster, apiVersion, signal);
    asked.set(apiVersion, list);
    const found = (await list).resources.find((resource) => resource.kind === kind && !resource.name.includes("/"));
    if (!found) return undefined;
    const [version = "", group = ""] = apiVersion.split("/").toReversed();
    return { group, version, plural: found.name, kind, namespaced: found.namespaced };
  };
}

async function readResources(cluster: Cluster, apiVersion: string, signal: AbortSignal): Promise<ApiResourceList> {
  const path = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  try {
    return await cluster.request<ApiResourceList>({ method: "GET", path, signal });
  } catch (error) {
    if (isStatus(error, 404)) return { resources: [] };
    throw error;
  }
}
