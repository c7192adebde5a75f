import type { Log } from "../log.ts";
import type { LocalRegistry } from "./announced-registry.ts";
import { findKubeconfigPlace } from "./kubeconfig-place.ts";

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

async function askCluster(choice: RegistryChoice): Promise<LocalRegistry | undefined> {
  const { kubeconfig, context, env, log, signal } = choice;
  if (findKubeconfigPlace({ kubeconfig, env }) === undefined) return undefined;
  // Half of a start is spent on loading the client: a push without a cluster does not wait for it.
  const [{ connectKubernetes }, { findLocalRegistry }] = await Promise.all([
    import("./client.ts"),
    import("./announced-registry.ts"),
  ]);
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
