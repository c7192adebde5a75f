import { containerEngine, findContainerEngine } from "../../lib/engine/container-engine.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import { kubernetesEngine } from "../../lib/engine/kubernetes-engine.ts";
import { DomainError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { connectKubernetes, findKubeconfig } from "../../lib/kubernetes/client.ts";
import type { Inputs } from "./inputs.ts";
import type { Stack } from "./stack.ts";

/**
 * What runs the test: the cluster that is configured, else podman or docker. A cluster that is configured but does not answer is never
 * replaced by podman. Throws DomainError `engine-missing`, `stack-unsupported`, or what is wrong with the kubeconfig.
 */
export async function chooseEngine(
  inputs: Inputs,
  stack: Stack | undefined,
  deps: Pick<Host, "log" | "exec" | "env" | "now" | "signal" | "tempDirectory">,
): Promise<Engine> {
  const wanted = inputs.engine;
  const source = findKubeconfig({ kubeconfig: inputs.kubeconfig, env: deps.env });
  if (wanted === "kubernetes" || (wanted === "auto" && source !== undefined)) {
    const cluster = await connectKubernetes({ ...inputs, env: deps.env, log: deps.log });
    deps.log.info(`Engine: Kubernetes at ${cluster.server}, namespace ${cluster.namespace} (${source}).`);
    if (stack === undefined) return kubernetesEngine(cluster, deps);
    // The stack is removed beside the test and after it: the connection is its own to close.
    return stack.around(kubernetesEngine({ ...cluster, close() {} }, deps), cluster);
  }
  const found = await findContainerEngine(deps.exec, wanted);
  if (found === undefined) {
    const hint = "Set kubeconfig (or KUBECONFIG), or install podman.";
    throw new DomainError("engine-missing", `Nothing here can run a container (engine: ${wanted}).`, { hint });
  }
  if (stack !== undefined) {
    const hint = "Set kubeconfig (or KUBECONFIG), or use services.";
    throw new DomainError("stack-unsupported", `manifests and test-keys need a cluster; ${found} has none.`, { hint });
  }
  deps.log.info(`Engine: ${found} on this machine${wanted === "auto" ? ", for no cluster is configured" : ""}.`);
  return containerEngine(found, deps);
}
