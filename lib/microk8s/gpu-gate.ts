import { sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { type ClusterFacts, readClusterFacts } from "./cluster-facts.ts";
import { listWorkloads, type Workload } from "./rollout.ts";

export interface GpuGateOptions {
  /** How long a device plugin that has not finished starting is waited for. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Waits until a GPU is allocatable, as long as one may still come. Throws DomainError `gpu-missing`, `gpu-unhealthy` or
 * `gpu-not-ready`, which name what was observed.
 */
export async function requireGpus(cluster: Cluster, options: GpuGateOptions): Promise<ClusterFacts> {
  const deadlineMs = Date.now() + options.timeoutMs;
  let said = false;
  for (;;) {
    const facts = await readClusterFacts(cluster, options.signal);
    if (facts.gpuCount > 0) return facts;
    if (!facts.nodesKnown) throw nodesUnknown();
    const plugins = await findDevicePlugins(cluster, options.signal);
    // A plugin that has rolled out needs a moment more to register its devices: also then one may still come.
    const mayCome = plugins.length > 0 && facts.gpuCapacity === 0;
    if (!mayCome || Date.now() >= deadlineMs) throw explain(facts, plugins, options.timeoutMs);
    if (!said)
      cluster.log.info(
        `No GPU is allocatable yet: waiting for ${describe(plugins)}, at most ${formatDuration(options.timeoutMs)}.`,
      );
    said = true;
    await sleep(2000, options.signal);
  }
}

async function findDevicePlugins(cluster: Cluster, signal: AbortSignal): Promise<readonly Workload[]> {
  try {
    const all = await listWorkloads(cluster, signal);
    return all.filter(
      ({ kind, name }) => kind === "DaemonSet" && /nvidia|gpu/.test(name) && name.includes("device-plugin"),
    );
  } catch (error) {
    // An account that may not look at other namespaces still has its answer from the nodes.
    if (isStatus(error, 403)) return [];
    throw error;
  }
}

function explain(facts: ClusterFacts, plugins: readonly Workload[], timeoutMs: number): DomainError {
  const nodes = `${facts.readyNodes} of ${facts.nodes} nodes are ready`;
  if (facts.gpuCapacity > 0) {
    return new DomainError(
      "gpu-unhealthy",
      `The nodes have ${facts.gpuCapacity} GPUs (nvidia.com/gpu), but none is allocatable; ${nodes}.`,
      {
        hint: "Look at the device plugin's log and at nvidia-smi and dmesg (Xid) on the node.",
      },
    );
  }
  if (plugins.length === 0) {
    return new DomainError(
      "gpu-missing",
      `No node offers nvidia.com/gpu and no device plugin is installed; ${nodes}.`,
      {
        hint: "Run: microk8s enable nvidia; or install NVIDIA's device plugin or GPU operator; or set gpu to auto.",
      },
    );
  }
  return new DomainError(
    "gpu-not-ready",
    `No node offers nvidia.com/gpu after ${formatDuration(timeoutMs)}: ${describe(plugins)}; ${nodes}.`,
    {
      hint: "Check that nvidia-smi works on the node and that its container runtime knows the NVIDIA runtime.",
      retryable: true,
    },
  );
}

function nodesUnknown(): DomainError {
  return new DomainError("gpu-unknown", "This account may not look at nodes, so nobody knows whether there is a GPU.", {
    hint: "Bind the ClusterRole gpu-ci-observer (get, list, watch on nodes) to it, or set gpu to off.",
  });
}

function describe(plugins: readonly Workload[]): string {
  return plugins
    .map(({ namespace, name, ready, wanted }) => `DaemonSet ${namespace}/${name} (${ready} of ${wanted} ready)`)
    .join(", ");
}
