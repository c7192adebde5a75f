import type { Cluster } from "../../lib/kubernetes/client.ts";

interface ApiResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

/**
 * Paths of everything that the API can list in the cluster's namespace, and of everything outside of namespaces but the namespaces: what a
 * run that leaves nothing behind may not change. Events are left out. With `onlyNamespace` what others do in the cluster meanwhile does not count.
 */
export async function snapshotCluster(
  cluster: Cluster,
  { onlyNamespace = false }: { readonly onlyNamespace?: boolean } = {},
): Promise<readonly string[]> {
  const get = <T>(path: string) => cluster.request<T>({ method: "GET", path });
  const { groups } = await get<{ groups: { preferredVersion: { groupVersion: string } }[] }>("/apis");
  const roots = ["/api/v1", ...groups.map(({ preferredVersion }) => `/apis/${preferredVersion.groupVersion}`)];
  const names = await Promise.all(
    roots.map(async (root) => {
      const { resources } = await get<ApiResourceList>(root);
      const listable = resources.filter(
        ({ name, verbs, namespaced }) =>
          (namespaced || !onlyNamespace) &&
          verbs.includes("list") &&
          !name.includes("/") &&
          name !== "events" &&
          name !== "namespaces",
      );
      return await Promise.all(
        listable.map(async ({ name, namespaced }) => {
          const scope = namespaced ? `/namespaces/${cluster.namespace}` : "";
          const { items } = await get<{ items: { metadata: { name: string } }[] }>(`${root}${scope}/${name}`);
          return items.map(({ metadata }) => `${root}${scope}/${name}/${metadata.name}`);
        }),
      );
    }),
  );
  return names.flat(2).toSorted();
}
