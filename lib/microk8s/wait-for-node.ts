import { deadline, sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { readClusterFacts } from "./cluster-facts.ts";

/** Waits until a node of the cluster is ready: `microk8s status --wait-ready` ends with exit code 0 also when its time is up. */
export async function waitForNode(cluster: Cluster, timeoutMs: number, signal: AbortSignal): Promise<void> {
  using limit = deadline("The first node of microk8s becoming ready", timeoutMs, signal);
  cluster.log.info(`Waiting for a node that is ready, at most ${formatDuration(timeoutMs)}.`);
  for (;;) {
    try {
      const { readyNodes } = await readClusterFacts(cluster, limit.signal);
      if (readyNodes > 0) return;
    } catch (error) {
      limit.signal.throwIfAborted();
      // A server that is just starting is not there yet.
      if (!(error instanceof DomainError && error.code === "api-unreachable")) throw error;
    }
    await sleep(1000, limit.signal);
  }
}
