import { sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { type ClusterFacts, readClusterFacts } from "./cluster-facts.ts";
import { type DevicePlugin, findDevicePlugins } from "./device-plugin.ts";
import { whileAway } from "./while-away.ts";

export interface GpuGateOptions {
  /** How long a device plugin that has not finished starting is waited for. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Waits until a GPU is allocatable, as long as one may still come. Throws DomainError `gpu-missing`, `gpu-plugin-failing`, `gpu-not-seen`,
 * `gpu-registration-lost`, `gpu-unhealthy`, `gpu-node-not-ready` or `gpu-unknown`, which name what was observed.
 */
export async function requireGpus(cluster: Cluster, options: GpuGateOptions): Promise<ClusterFacts> {
  const { signal, timeoutMs } = options;
  const endMs = Date.now() + timeoutMs;
  let said = false;
  for (;;) {
    const facts = await whileAway(() => readClusterFacts(cluster, signal), undefined, { endMs, signal });
    if (facts && facts.gpuCount > 0) return withWarning(cluster, facts);
    if (facts?.nodesKnown === false) throw nodesUnknown();
    const plugins = await whileAway(() => findDevicePlugins(cluster, signal), [], { endMs, signal });
    // A plugin that has rolled out needs a moment more to register its devices: also then one may still come.
    const mayCome = !facts || (plugins.length > 0 && facts.gpuCapacity === 0);
    if (facts && (!mayCome || Date.now() >= endMs)) throw explain(facts, plugins, timeoutMs);
    if (!said)
      cluster.log.info(
        `No GPU is allocatable yet: waiting for ${describe(plugins)}, at most ${formatDuration(timeoutMs)}.`,
      );
    said = true;
    await sleep(1000, signal);
  }
}

function withWarning(cluster: Cluster, facts: ClusterFacts): ClusterFacts {
  if (facts.gpuCount < facts.gpuCapacity)
    cluster.log.warning(
      `Only ${facts.gpuCount} of the nodes' ${facts.gpuCapacity} GPUs can be given to pods: the others are unhealthy (look for Xid in dmesg), or their node is not ready.`,
    );
  return facts;
}

/** The decision table: what was observed, from the nodes up to the plugin, and what it means. */
function explain(facts: ClusterFacts, plugins: readonly DevicePlugin[], timeoutMs: number): DomainError {
  const nodes = `${facts.readyNodes} of ${facts.nodes} nodes are ready`;
  const failing = plugins.filter(({ isRolledOut }) => !isRolledOut);
  const after = formatDuration(timeoutMs);
  if (facts.gpuCapacity > 0 && facts.readyNodes === 0)
    return refuse(
      "gpu-node-not-ready",
      `The nodes have ${facts.gpuCapacity} GPUs, but ${nodes}.`,
      "Look at: kubectl describe nodes.",
    );
  if (facts.gpuCapacity > 0) {
    const words = `The nodes have ${facts.gpuCapacity} GPUs (nvidia.com/gpu), but none is allocatable; ${nodes}.`;
    return refuse(
      "gpu-unhealthy",
      words,
      "Look at the device plugin's log and at nvidia-smi and dmesg (Xid) on the node.",
    );
  }
  if (plugins.length === 0) {
    const words = `No node offers nvidia.com/gpu and no device plugin is installed; ${nodes}.`;
    const hint = "Run: microk8s enable nvidia; or install NVIDIA's device plugin or GPU operator; or set gpu to auto.";
    return refuse("gpu-missing", words, hint);
  }
  if (failing.length > 0) {
    const words = `No node offers nvidia.com/gpu after ${after}: ${describe(failing)}; ${nodes}.`;
    return refuse(
      "gpu-plugin-failing",
      words,
      "Check that nvidia-smi works on the node; its driver and container toolkit come before the plugin.",
    );
  }
  return explainRunningPlugin(facts, describe(plugins), after);
}

function explainRunningPlugin(facts: ClusterFacts, plugins: string, after: string): DomainError {
  const nodes = `${facts.readyNodes} of ${facts.nodes} nodes are ready`;
  if (facts.gpuRegistered) {
    const words = `Nodes offer 0 nvidia.com/gpu after ${after}, although ${plugins}: the kubelet has lost its registration; ${nodes}.`;
    return refuse("gpu-registration-lost", words, "Restart the plugin's pod: kubectl delete pod, in its namespace.");
  }
  const words = `No node offers nvidia.com/gpu after ${after}: ${plugins}, but it sees no GPU; ${nodes}.`;
  return refuse(
    "gpu-not-seen",
    words,
    "Check that nvidia-smi works on the node and that containerd's default runtime, or the plugin's RuntimeClass, is nvidia.",
  );
}

function refuse(code: string, words: string, hint: string): DomainError {
  return new DomainError(code, words, { hint, retryable: code === "gpu-plugin-failing" });
}

function nodesUnknown(): DomainError {
  return new DomainError("gpu-unknown", "This account may not look at nodes, so nobody knows whether there is a GPU.", {
    hint: "Bind the ClusterRole gpu-ci-observer (get, list, watch on nodes) to it, or set gpu to off.",
  });
}

function describe(plugins: readonly DevicePlugin[]): string {
  if (plugins.length === 0) return "the API server";
  return plugins
    .map(({ namespace, name, ready, wanted, trouble }) => {
      const state = `DaemonSet ${namespace}/${name} (${ready} of ${wanted} ready)`;
      return trouble === undefined ? state : `${state}, ${trouble}`;
    })
    .join(", ");
}
