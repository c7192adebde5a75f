import { findLocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { defaultRegistry } from "../../lib/kubernetes/local-registry.ts";
import { readClusterFacts } from "../../lib/microk8s/cluster-facts.ts";
import { enableAddons, hasNvidiaDriver } from "../../lib/microk8s/enable-addons.ts";
import type { HostPrograms } from "../../lib/microk8s/host-programs.ts";
import { waitForRegistry } from "../../lib/microk8s/registry-ready.ts";
import { trustInBuilders, trustInContainerd } from "../../lib/microk8s/registry-trust.ts";
import { type Sideload, sideloadImages } from "../../lib/microk8s/sideload.ts";
import { registryNames, type TrustedRegistry } from "../../lib/microk8s/trusted-registry.ts";
import { waitForNode } from "../../lib/microk8s/wait-for-node.ts";
import type { Inputs } from "./inputs.ts";

export interface Preparation {
  readonly host: HostPrograms;
  readonly cluster: Cluster;
  /** This job's name in the ledger of the machine. */
  readonly user: string;
  readonly sideloads: readonly Sideload[];
  readonly leftMs: () => number;
}

/** Brings microk8s to what the inputs ask for: images, trust, addons, registry. Says whether a GPU is asked for, by an input or by the driver of this machine. */
export async function prepareMicrok8s(inputs: Inputs, preparation: Preparation): Promise<boolean> {
  const { host, cluster, sideloads, leftMs } = preparation;
  await waitForNode(cluster, leftMs(), host.signal);
  await sideloadImages(host, sideloads);
  await trust(inputs.insecureRegistries, preparation);

  const wantsGpu = inputs.gpu === "required" || (inputs.gpu === "auto" && (await hasNvidiaDriver(host)));
  const addons = inputs.addons.map((addon) => (addon === "registry" ? `registry:size=${inputs.registrySize}` : addon));
  const all = new Set([...addons, ...(wantsGpu ? ["nvidia"] : [])]);
  await host.log.group("Addons of microk8s", () =>
    enableAddons(host, cluster, { addons: [...all], timeoutMs: leftMs() }),
  );
  await provideRegistry(inputs, preparation);
  return wantsGpu;
}

/** Waits for the registry of the cluster, and makes it known under all its names. */
async function provideRegistry(inputs: Inputs, preparation: Preparation): Promise<void> {
  const { host, cluster, leftMs } = preparation;
  const announced = await findLocalRegistry(cluster, host.signal);
  const isWanted = inputs.addons.some((addon) => addon.split(":")[0] === "registry");
  if (!announced && !isWanted) return;
  const { push: registry } = announced ?? { push: defaultRegistry };
  if (isWanted) await waitForRegistry(cluster, { registry, size: inputs.registrySize, timeoutMs: leftMs(), ...host });
  const { nodeIp } = await readClusterFacts(cluster, host.signal);
  await trust(registryNames(registry, nodeIp), preparation);
}

async function trust(registries: readonly TrustedRegistry[], { host, user }: Preparation): Promise<void> {
  await trustInContainerd(host, user, registries);
  await trustInBuilders(host, user, registries);
}
