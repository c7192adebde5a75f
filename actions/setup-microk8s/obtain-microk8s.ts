import { deadline } from "../../lib/abort.ts";
import { formatDuration } from "../../lib/duration.ts";
import { claimSnap } from "../../lib/microk8s/claims.ts";
import type { HostPrograms } from "../../lib/microk8s/host-programs.ts";
import { readMicrok8sConfig } from "../../lib/microk8s/microk8s.ts";
import { findSnap, installSnap, setRefreshHold } from "../../lib/microk8s/snap.ts";
import type { Inputs } from "./inputs.ts";

/** A cluster that was found or installed. */
export interface FoundCluster {
  /** Content of its kubeconfig. */
  readonly kubeconfig: string;
  readonly channel: string | undefined;
  readonly created: boolean;
}

export interface ObtainOptions {
  readonly host: HostPrograms;
  /** This job's name in the ledger of the machine. */
  readonly user: string;
  readonly timeoutMs: number;
}

/** This machine's microk8s: installed where it is not there, never changed where it is; its refreshes held back. */
export async function obtainMicrok8s(
  inputs: Pick<Inputs, "channel" | "holdRefresh" | "removeOnPost">,
  options: ObtainOptions,
): Promise<FoundCluster> {
  const { user, timeoutMs } = options;
  using limit = deadline("Getting microk8s to run", timeoutMs, options.host.signal);
  const host = { ...options.host, signal: limit.signal };
  // Written down first: an install that is killed half-way leaves something to remove.
  const find = () => findSnap(host, "microk8s");
  await claimSnap(host, user, "snap", async () => inputs.removeOnPost && !(await find()));
  const before = await find();
  if (before) {
    host.log.info(`Cluster: microk8s ${before.version} from ${before.channel}, which is installed here.`);
    if (before.channel !== inputs.channel)
      host.log.warning(`It follows ${before.channel}, not ${inputs.channel}: an installed cluster is never changed.`);
  } else {
    host.log.info(`Installing microk8s from ${inputs.channel} on this machine, at most ${formatDuration(timeoutMs)}.`);
    await installSnap(host, "microk8s", inputs.channel);
  }
  if (inputs.holdRefresh) await holdRefreshes(host, user);
  const kubeconfig = await readMicrok8sConfig(host);
  return { kubeconfig, channel: before?.channel ?? inputs.channel, created: !before };
}

async function holdRefreshes(host: HostPrograms, user: string): Promise<void> {
  const isHeld = async () => (await findSnap(host, "microk8s"))?.held === true;
  await claimSnap(host, user, "hold", async () => !(await isHeld()));
  if (await isHeld()) return;
  host.log.info("Holding automatic refreshes of microk8s back until the last job that needs it ends.");
  await setRefreshHold(host, "microk8s", true);
}
