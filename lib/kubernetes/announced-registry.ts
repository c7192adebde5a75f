import { parse } from "yaml";
import type { Cluster } from "./client.ts";
import { getObject } from "./object.ts";
import { configMaps, services } from "./resource.ts";

/** One registry under the names that work for whoever asks, each `host[:port]`. */
export interface LocalRegistry {
  /** For this machine. */
  readonly push: string;
  /** For the kubelet: it belongs into a pod's `image`. */
  readonly pull: string;
  /** For a process inside a pod; undefined when nobody says. */
  readonly inCluster: string | undefined;
}

/**
 * The registry that a cluster announces by the ConfigMap of KEP-1755, else microk8s' Service; undefined when it announces none.
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-cluster-lifecycle/generic/1755-communicating-a-local-registry
 */
export async function findLocalRegistry(cluster: Cluster, signal?: AbortSignal): Promise<LocalRegistry | undefined> {
  const limits = { signal, timeoutMs: 10_000 };
  const hosting = await getObject(cluster, configMaps, "local-registry-hosting", {
    namespace: "kube-public",
    ...limits,
  });
  const announced = parseHosting(hosting?.data?.["localRegistryHosting.v1"]);
  if (announced) return announced;
  const service = await getObject(cluster, services, "registry", { namespace: "container-registry", ...limits });
  const port = service?.spec?.ports?.find(({ nodePort }) => nodePort !== undefined);
  if (!port) return undefined;
  const host = `localhost:${port.nodePort}`;
  return { push: host, pull: host, inCluster: `registry.container-registry.svc.cluster.local:${port.port}` };
}

/** Parses the ConfigMap's document; undefined when it names no host. */
export function parseHosting(text: string | undefined): LocalRegistry | undefined {
  const document = text === undefined ? undefined : parseYaml(text);
  const host = nameAt(document, "host");
  if (host === undefined) return undefined;
  return {
    push: host,
    pull: nameAt(document, "hostFromContainerRuntime") ?? host,
    inCluster: nameAt(document, "hostFromClusterNetwork"),
  };
}

function parseYaml(text: string): unknown {
  try {
    return parse(text) as unknown;
  } catch {
    return undefined;
  }
}

// Whatever stands there becomes part of a reference: a scheme or path would not.
function nameAt(document: unknown, key: string): string | undefined {
  if (typeof document !== "object" || document === null) return undefined;
  const value = Object.entries(document).find(([name]) => name === key)?.[1] as unknown;
  return typeof value === "string" && /^[\w.[\]:-]+$/.test(value) ? value : undefined;
}
