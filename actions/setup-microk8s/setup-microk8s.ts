import { stringify } from "yaml";
import { deadline } from "../../lib/abort.ts";
import { formatDuration } from "../../lib/duration.ts";
import type { Host } from "../../lib/host.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { findKubeconfigSource, kubeconfigMissing } from "../../lib/kubernetes/kubeconfig.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { chooseRegistry, findLocalRegistry, type LocalRegistry } from "../../lib/kubernetes/local-registry.ts";
import { type ClusterFacts, readClusterFacts } from "../../lib/microk8s/cluster-facts.ts";
import { enableAddons, hasNvidiaDriver } from "../../lib/microk8s/enable-addons.ts";
import { requireGpus } from "../../lib/microk8s/gpu-gate.ts";
import { type HostPrograms, withSnapPath } from "../../lib/microk8s/host-programs.ts";
import { kubeconfigPath, writeKubeconfig } from "../../lib/microk8s/kubeconfig-file.ts";
import { readMicrok8sConfig } from "../../lib/microk8s/microk8s.ts";
import { findSnap, installSnap, setRefreshHold } from "../../lib/microk8s/snap.ts";
import { waitForNode } from "../../lib/microk8s/wait-for-node.ts";
import type { Inputs } from "./inputs.ts";
import type { Outputs } from "./outputs.ts";
import { saveHeld, saveKubeconfig, saveRemove } from "./state.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "state" | "tempDirectory">;

/** A cluster that was found or installed. */
interface Found {
  readonly kubeconfig: string;
  readonly channel: string | undefined;
  readonly created: boolean;
}

/**
 * Adopts the configured cluster, or takes this machine's microk8s and installs it when it is not there; then says what the cluster has.
 * Throws DomainError: `cluster-missing`, `snap-missing`, `addon-not-ready`, `gpu-missing` and their like.
 */
export async function setupMicrok8s(inputs: Inputs, deps: Deps): Promise<Outputs> {
  const endMs = Date.now() + inputs.waitTimeoutMs;
  const leftMs = () => Math.max(1, endMs - Date.now());
  const source =
    inputs.distribution === "microk8s"
      ? undefined
      : findKubeconfigSource({ kubeconfig: inputs.kubeconfig, env: deps.env });
  if (source) deps.log.info(`Cluster: ${source.description}.`);
  if (!source && inputs.distribution === "existing") throw kubeconfigMissing();
  const found = source
    ? { kubeconfig: stringify({ ...source.read(), ...chosenContext(inputs) }), channel: undefined, created: false }
    : await obtainMicrok8s(inputs, deps, leftMs());

  saveKubeconfig(deps.state, kubeconfigPath(deps.tempDirectory));
  const kubeconfig = await writeKubeconfig(deps.tempDirectory, found.kubeconfig);
  const cluster = await connectKubernetes({ kubeconfig, context: inputs.context, namespace: undefined, ...deps });
  if (!source) await prepareMicrok8s(inputs, { host: programs(deps), cluster, leftMs });

  const facts = await checkGpus(inputs, cluster, { deps, leftMs });
  const registry = await findRegistry(inputs, cluster, deps);
  deps.log.info(describe(facts, registry));
  const { version, nodeIp, gpuCount, gpuProducts, driverVersion, cudaVersion } = facts;
  return {
    kubeconfig,
    version,
    channel: found.channel,
    created: found.created,
    nodeIp,
    registryPush: registry?.push,
    registryPull: registry?.pull,
    gpuCount,
    gpuProducts,
    driverVersion,
    cudaVersion,
  };
}

async function obtainMicrok8s(inputs: Inputs, deps: Deps, timeoutMs: number): Promise<Found> {
  using limit = deadline("Installing microk8s", timeoutMs, deps.signal);
  const host = { ...programs(deps), signal: limit.signal };
  const before = await findSnap(host, "microk8s");
  if (before) {
    deps.log.info(`Cluster: microk8s ${before.version} from ${before.channel}, which is installed here.`);
    if (before.channel !== inputs.channel)
      deps.log.warning(`It follows ${before.channel}, not ${inputs.channel}: an installed cluster is never changed.`);
  } else {
    deps.log.info(`Installing microk8s from ${inputs.channel} on this machine, at most ${formatDuration(timeoutMs)}.`);
    if (inputs.removeOnPost) saveRemove(deps.state);
    await installSnap(host, "microk8s", inputs.channel);
  }
  if (inputs.holdRefresh && !before?.held) {
    deps.log.info("Holding automatic refreshes of microk8s back until the job ends.");
    saveHeld(deps.state);
    await setRefreshHold(host, "microk8s", true);
  }
  const kubeconfig = await readMicrok8sConfig(host);
  return { kubeconfig, channel: before?.channel ?? inputs.channel, created: !before };
}

interface Preparation {
  readonly host: HostPrograms;
  readonly cluster: Cluster;
  readonly leftMs: () => number;
}

async function prepareMicrok8s(inputs: Inputs, { host, cluster, leftMs }: Preparation): Promise<void> {
  await waitForNode(cluster, leftMs(), host.signal);
  const wantsGpu = inputs.gpu === "required" || (inputs.gpu === "auto" && (await hasNvidiaDriver()));
  const addons = inputs.addons.map((addon) => (addon === "registry" ? `registry:size=${inputs.registrySize}` : addon));
  const all = new Set([...addons, ...(wantsGpu ? ["nvidia"] : [])]);
  await host.log.group("Addons of microk8s", () =>
    enableAddons(host, cluster, { addons: [...all], timeoutMs: leftMs() }),
  );
}

async function checkGpus(
  inputs: Inputs,
  cluster: Cluster,
  { deps, leftMs }: { deps: Deps; leftMs: () => number },
): Promise<ClusterFacts> {
  if (inputs.gpu === "required") return requireGpus(cluster, { timeoutMs: leftMs(), signal: deps.signal });
  const facts = await readClusterFacts(cluster, deps.signal);
  if (!facts.nodesKnown) deps.log.warning("This account may not look at nodes: what GPUs there are is not known.");
  else if (facts.readyNodes === 0) deps.log.warning(`None of the cluster's ${facts.nodes} nodes is ready.`);
  return facts;
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

// Who takes the file up later is not told the context: it becomes the file's own.
function chosenContext({ context }: Inputs): Readonly<Record<string, string>> {
  return context === undefined ? {} : { "current-context": context };
}

function programs(deps: Deps): HostPrograms {
  return { ...deps, env: withSnapPath(deps.env) };
}

function describe(facts: ClusterFacts, registry: LocalRegistry | undefined): string {
  const gpus =
    facts.gpuCount > 0
      ? `${facts.gpuCount} GPUs (${facts.gpuProducts.join(", ") || "product not labelled"})`
      : "no GPU";
  return `Kubernetes ${facts.version}: ${facts.readyNodes} of ${facts.nodes} nodes ready, ${gpus}, ${registry ? `registry ${registry.push}` : "no registry announced"}.`;
}
