import { deadline } from "../../lib/abort.ts";
import { formatDuration } from "../../lib/duration.ts";
import { claimSnap } from "../../lib/microk8s/claims.ts";
import type { HostPrograms } from "../../lib/microk8s/host-programs.ts";
import { readMicrok8sConfig } from "../../lib/microk8s/microk8s.ts";
import { findSnap, installSnap, setRefreshHold } from "../../lib/microk8s/snap.ts";
import type { Inputs } from "./inputs.ts";

const name = "microk8s";

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
  const wasThere = await claimSnap(host, user, {
    kind: "snap",
    isUndone: inputs.removeOnPost,
    isDone: async () => (await findSnap(host, name)) !== undefined,
    act: async () => {
      host.log.info(
        `Installing microk8s from ${inputs.channel} on this machine, at most ${formatDuration(timeoutMs)}.`,
      );
      await installSnap(host, name, inputs.channel);
    },
  });
  const { version, channel } = (await findSnap(host, name)) ?? { version: "", channel: inputs.channel };
  if (wasThere) host.log.info(`Cluster: microk8s ${version} from ${channel}, which is installed here.`);
  if (channel !== inputs.channel)
    host.log.warning(`It follows ${channel}, not ${inputs.channel}: an installed cluster is never changed.`);
  if (inputs.holdRefresh) await holdRefreshes(host, user);
  return { kubeconfig: await readMicrok8sConfig(host), channel, created: !wasThere };
}

async function holdRefreshes(host: HostPrograms, user: string): Promise<void> {
  await claimSnap(host, user, {
    kind: "hold",
    isUndone: true,
    isDone: async () => (await findSnap(host, name))?.held === true,
    act: async () => {
      host.log.info("Holding automatic refreshes of microk8s back until the last job that needs it ends.");
      await setRefreshHold(host, name, true);
    },
  });
}
