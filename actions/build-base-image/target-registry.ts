import { DomainError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { findKubeconfig } from "../../lib/kubernetes/client.ts";
import { chooseRegistry } from "../../lib/kubernetes/local-registry.ts";
import { openRegistry, type RegistryClient } from "../../lib/oci/registry-client.ts";
import type { Inputs } from "./inputs.ts";

type Deps = Pick<Host, "env" | "exec" | "log" | "signal">;

/**
 * The registry that would hold the image: the one of the input, or the cluster's. Undefined when nobody named one and none listens on
 * this machine: then nothing can be known to exist. One that was named or announced has to answer.
 */
export async function openTargetRegistry(inputs: Inputs, deps: Deps): Promise<RegistryClient | undefined> {
  const { kubeconfig, username, password } = inputs;
  if (inputs.registry !== "auto") return openRegistry({ registry: inputs.registry, username, password, ...deps });
  const { push } = await chooseRegistry({ registry: "auto", kubeconfig, context: undefined, ...deps });
  const isGuess = findKubeconfig({ kubeconfig, env: deps.env }) === undefined;
  if (isGuess && !(await answers(push, deps))) {
    deps.log.info(`No registry listens on ${push} and no cluster is configured: nothing is known to exist.`);
    return undefined;
  }
  return openRegistry({ registry: push, username, password, ...deps });
}

async function answers(registry: string, deps: Deps): Promise<boolean> {
  using client = openRegistry({ registry, ...deps, retry: { attempts: 1, baseMs: 0, maxMs: 0 } });
  try {
    return (await client.ping()) !== "absent";
  } catch (error) {
    if (error instanceof DomainError && error.code === "registry-unreachable") return false;
    throw error;
  }
}
