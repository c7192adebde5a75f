import { parse } from "yaml";
import type { Log } from "../log.ts";
import type { Cluster } from "./client.ts";
import { findKubeconfigSource } from "./kubeconfig.ts";
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

export interface RegistryChoice {
  /** `host[:port]`, or `auto`. */
  readonly registry: string;
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** microk8s' registry addon, also where a cluster without one of the announcements has it. */
export const defaultRegistry = "localhost:32000";

/**
 * The registry to use and its names: the one given, else what the cluster announces (inside a pod by its name there), else localhost:32000. A cluster that does not
 * answer is said in the log and leaves its names unknown.
 */
export async function chooseRegistry(choice: RegistryChoice): Promise<LocalRegistry> {
  const { registry, env, log } = choice;
  const announced = await askCluster(choice);
  if (registry !== "auto") {
    const isSame = announced && [announced.push, announced.pull, announced.inCluster].includes(registry);
    return isSame ? { ...announced, push: registry } : { push: registry, pull: registry, inCluster: undefined };
  }
  if (!announced) {
    log.info(`Registry: ${defaultRegistry}, because no cluster announces another one.`);
    return { push: defaultRegistry, pull: defaultRegistry, inCluster: undefined };
  }
  // In a pod, localhost is the pod.
  const isInPod = env.KUBERNETES_SERVICE_HOST !== undefined;
  const push = isInPod ? (announced.inCluster ?? announced.push) : announced.push;
  log.info(`Registry: ${push}, as the cluster announces.`);
  return { ...announced, push };
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

async function askCluster(choice: RegistryChoice): Promise<LocalRegistry | undefined> {
  const { kubeconfig, context, env, log, signal } = choice;
  if (findKubeconfigSource({ kubeconfig, env }) === undefined) return undefined;
  // Half of a start is spent on loading the client: a push without a cluster does not wait for it.
  const { connectKubernetes } = await import("./client.ts");
  try {
    const cluster = await connectKubernetes({ kubeconfig, context, namespace: undefined, env, log });
    return await findLocalRegistry(cluster, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (kubeconfig !== undefined && choice.registry === "auto") throw error;
    log.warning(
      `The cluster could not say where its registry is: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
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
