import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { stringify } from "yaml";
import { InputError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { findLocalRegistry, type LocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { findKubeconfigSource, kubeconfigMissing } from "../../lib/kubernetes/kubeconfig.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { chooseRegistry } from "../../lib/kubernetes/local-registry.ts";
import { type ClusterFacts, readClusterFacts } from "../../lib/microk8s/cluster-facts.ts";
import { reportCluster } from "../../lib/microk8s/cluster-report.ts";
import { requireGpus } from "../../lib/microk8s/gpu-gate.ts";
import { withSnapPath } from "../../lib/microk8s/host-programs.ts";
import { kubeconfigPath, writeKubeconfig } from "../../lib/microk8s/kubeconfig-file.ts";
import { lastingUser } from "../../lib/microk8s/ledger.ts";
import { pushProofImage } from "../../lib/microk8s/proof-image.ts";
import { proveGpu } from "../../lib/microk8s/prove-gpu.ts";
import { trustInBuilders } from "../../lib/microk8s/registry-trust.ts";
import { findSideloads } from "../../lib/microk8s/sideload.ts";
import type { Inputs } from "./inputs.ts";
import { type FoundCluster, obtainMicrok8s } from "./obtain-microk8s.ts";
import { noCluster, type Outputs, writeKnown } from "./outputs.ts";
import { prepareMicrok8s } from "./prepare-microk8s.ts";
import { saveKubeconfig, saveUser } from "./state.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "state" | "tempDirectory" | "output"> & {
  /** Folder that stands for `/` of this machine; default is `/`. */
  readonly hostRoot?: string;
};

/** The cluster as it is being set up, and how. */
interface Setup {
  readonly cluster: Cluster;
  readonly deps: Deps;
  readonly leftMs: () => number;
}

/**
 * Adopts the configured cluster, or takes this machine's microk8s and installs it when it is not there; then says what the cluster has.
 * Throws DomainError: `kubeconfig-missing`, `snap-missing`, `addon-not-ready`, `gpu-missing` and their like.
 */
export async function setupMicrok8s(inputs: Inputs, deps: Deps): Promise<Outputs> {
  const endMs = Date.now() + inputs.waitTimeoutMs;
  const leftMs = () => Math.max(1, endMs - Date.now());
  const host = { ...deps, env: withSnapPath(deps.env), root: deps.hostRoot ?? "/" };
  // A terminal has no post step.
  const user = deps.env.GITHUB_ACTIONS === "true" ? randomUUID() : lastingUser;
  const sideloads = await findSideloads(inputs.sideloadImages);

  const adopted = adopt(inputs, deps);
  const mayInstall = !adopted && inputs.distribution !== "optional";
  const changesMachine = mayInstall || inputs.insecureRegistries.length > 0;
  if (changesMachine) saveUser(deps.state, user);
  if (changesMachine && !mayInstall) {
    deps.log.info("The cluster's own container runtime is left as it is: a cluster is only adopted.");
    await trustInBuilders(host, user, inputs.insecureRegistries);
  }
  if (!adopted && !mayInstall) {
    deps.log.info("No cluster is configured: this job goes on without one.");
    return noCluster;
  }
  const found = adopted ?? (await obtainMicrok8s(inputs, { host, user, timeoutMs: leftMs() }));

  saveKubeconfig(deps.state, kubeconfigPath(deps.tempDirectory));
  const kubeconfig = await writeKubeconfig(deps.tempDirectory, found.kubeconfig);
  const cluster = await connectKubernetes({ kubeconfig, context: inputs.context, namespace: undefined, ...deps });
  try {
    const isGpuWanted = adopted
      ? inputs.gpu === "required"
      : await prepareMicrok8s(inputs, { host, cluster, user, sideloads, leftMs });
    return { kubeconfig, ...(await examine(inputs, { cluster, deps, leftMs }, isGpuWanted)), ...channelOf(found) };
  } catch (error) {
    writeKnown(deps.output, { kubeconfig, ...channelOf(found) });
    if (!deps.signal.aborted) await reportCluster(cluster);
    throw error;
  }
}

function adopt(inputs: Inputs, deps: Deps): FoundCluster | undefined {
  if (inputs.distribution === "microk8s") return undefined;
  const microk8sConfig = join(deps.hostRoot ?? "/", "var/snap/microk8s/current/credentials/client.config");
  const source = findKubeconfigSource({ kubeconfig: inputs.kubeconfig, env: deps.env, microk8sConfig });
  const mayLack = inputs.distribution === "auto" || (inputs.distribution === "optional" && inputs.gpu !== "required");
  if (!source && !mayLack) throw kubeconfigMissing();
  if (!source) return undefined;
  if (inputs.sideloadImages.length > 0) {
    const allowed = "empty where a cluster is configured, which is only adopted; or set distribution to microk8s";
    throw new InputError("sideload-images", inputs.sideloadImages.join(", "), allowed);
  }
  deps.log.info(`Cluster: ${source.description}.`);
  // Who takes the file up later is not told the context: it becomes the file's own.
  const context = inputs.context === undefined ? {} : { "current-context": inputs.context };
  return { kubeconfig: stringify({ ...source.read(), ...context }), channel: undefined, created: false };
}

async function examine(inputs: Inputs, setup: Setup, isGpuWanted: boolean) {
  const { cluster, deps, leftMs } = setup;
  const facts = isGpuWanted
    ? await requireGpus(cluster, { timeoutMs: leftMs(), signal: deps.signal })
    : await readClusterFacts(cluster, deps.signal);
  if (!facts.nodesKnown) deps.log.warning("This account may not look at nodes: what GPUs there are is not known.");
  else if (facts.readyNodes === 0) deps.log.warning(`None of the cluster's ${facts.nodes} nodes is ready.`);
  const registry = await findRegistry(inputs, cluster, deps);
  const proof = isGpuWanted ? await tryOneGpu(setup, facts, registry) : undefined;
  deps.log.info(describe(facts, registry));
  const { version, nodeIp, gpuCount, gpuProducts, driverVersion, cudaVersion } = facts;
  return {
    version,
    nodeIp,
    registryPush: registry?.push,
    registryPull: registry?.pull,
    gpuCount,
    gpuProducts: gpuProducts.length === 0 && proof ? [proof.product] : gpuProducts,
    driverVersion: driverVersion ?? proof?.driverVersion,
    cudaVersion,
  };
}

function tryOneGpu({ cluster, deps, leftMs }: Setup, { gpuCount }: ClusterFacts, registry: LocalRegistry | undefined) {
  const makeImage = registry && (() => pushProofImage({ ...deps, registry }));
  return proveGpu(cluster, { gpuCount, makeImage, timeoutMs: leftMs(), signal: deps.signal });
}

async function findRegistry(inputs: Inputs, cluster: Cluster, deps: Deps): Promise<LocalRegistry | undefined> {
  if (inputs.registry !== "auto") return chooseRegistry({ ...inputs, ...deps });
  try {
    return await findLocalRegistry(cluster, deps.signal);
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
    deps.log.warning(
      "This account may not read where the cluster's registry is (ConfigMap kube-public/local-registry-hosting).",
    );
    return undefined;
  }
}

function channelOf({ channel, created }: FoundCluster): Pick<Outputs, "channel" | "created"> {
  return { channel, created };
}

function describe(facts: ClusterFacts, registry: LocalRegistry | undefined): string {
  const gpus =
    facts.gpuCount > 0
      ? `${facts.gpuCount} GPUs (${facts.gpuProducts.join(", ") || "product not labelled"})`
      : "no GPU";
  return `Kubernetes ${facts.version}: ${facts.readyNodes} of ${facts.nodes} nodes ready, ${gpus}, ${registry ? `registry ${registry.push}` : "no registry announced"}.`;
}
