import { deadline } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { normaliseAddon, type WorkloadName, workloadsOfAddon } from "./addons.ts";
import type { HostPrograms } from "./host-programs.ts";
import { enableAddon, isEnabled } from "./microk8s.ts";
import { listWorkloads, type Workload, waitForRollout } from "./rollout.ts";
import { hasRootFile } from "./root-file.ts";

export interface AddonOptions {
  readonly addons: readonly string[];
  /** For all addons together. */
  readonly timeoutMs: number;
}

/**
 * Enables addons one at a time, each waited for by the rollout of what it brings before the next: dns restarts services that others
 * need. An addon whose workloads run already is left as it is.
 */
export async function enableAddons(host: HostPrograms, cluster: Cluster, options: AddonOptions): Promise<void> {
  const deadlineMs = Date.now() + options.timeoutMs;
  for (const addon of options.addons.map(normaliseAddon)) {
    const { signal } = host;
    const present = await listWorkloads(cluster, signal);
    const required = workloadsOfAddon(addon);
    const isThere =
      required.length > 0 ? required.every((wanted) => runs(present, wanted)) : await isEnabled(host, addon);
    if (isThere) {
      host.log.info(`Addon ${addon} runs already.`);
      continue;
    }
    const what = `Addon ${addon}`;
    const timeoutMs = Math.max(1, deadlineMs - Date.now());
    host.log.info(`${what}: enabling it, at most ${formatDuration(timeoutMs)}.`);
    await enableWithin(host, addon, timeoutMs);
    const before = new Set(present.map(({ uid }) => uid));
    await waitForRollout(cluster, { what, required, before, timeoutMs: Math.max(1, deadlineMs - Date.now()), signal });
  }
}

/** Whether this machine has a GPU with NVIDIA's driver loaded. */
export async function hasNvidiaDriver(host: HostPrograms): Promise<boolean> {
  return hasRootFile(host, "/proc/driver/nvidia/version");
}

function runs(present: readonly Workload[], wanted: WorkloadName): boolean {
  const found = present.find(
    ({ kind, namespace, name }) => kind === wanted.kind && namespace === wanted.namespace && name === wanted.name,
  );
  return found?.isRolledOut === true;
}

async function enableWithin(host: HostPrograms, addon: string, timeoutMs: number): Promise<void> {
  using limit = deadline(`microk8s enable ${addon}`, timeoutMs, host.signal);
  await enableAddon({ ...host, signal: limit.signal }, addon);
}
