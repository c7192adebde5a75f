import pLimit from "p-limit";
import type { Cluster } from "./client.ts";
import { isStatus } from "./kubernetes-error.ts";
import type { ApiObject, Resource } from "./resource.ts";

/** A kind of object that this API server serves, with what may be done to it. */
export interface ServedResource extends Resource<ApiObject> {
  readonly verbs: readonly string[];
}

interface GroupList {
  readonly groups: readonly { readonly preferredVersion: { readonly groupVersion: string } }[];
}

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

/** Everything that the API server serves, each group in its preferred version, without subresources. A group whose own server is away is left out. */
export async function listServedResources(
  cluster: Cluster,
  { signal }: { readonly signal: AbortSignal },
): Promise<readonly ServedResource[]> {
  const { groups } = await cluster.request<GroupList>({ method: "GET", path: "/apis", signal });
  const versions = ["v1", ...groups.map(({ preferredVersion }) => preferredVersion.groupVersion)];
  const limit = pLimit(8);
  return (await Promise.all(versions.map((version) => limit(() => listVersion(cluster, version, signal))))).flat();
}

async function listVersion(cluster: Cluster, groupVersion: string, signal: AbortSignal): Promise<ServedResource[]> {
  const [version = "", group = ""] = groupVersion.split("/").toReversed();
  const path = group === "" ? `/api/${version}` : `/apis/${groupVersion}`;
  try {
    const { resources } = await cluster.request<ResourceList>({ method: "GET", path, signal });
    return resources
      .filter(({ name }) => !name.includes("/"))
      .map(({ name, kind, namespaced, verbs }) => ({ group, version, plural: name, kind, namespaced, verbs }));
  } catch (error) {
    if (isStatus(error, 503) || isStatus(error, 404)) return [];
    throw error;
  }
}
