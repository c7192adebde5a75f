import { randomBytes, randomInt } from "node:crypto";
import { sleep } from "../abort.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus, KubernetesError } from "../kubernetes/kubernetes-error.ts";
import { formatRights, proxyRight } from "../kubernetes/needed-rights.ts";
import { pods, resourcePath } from "../kubernetes/resource.ts";
import type { Log } from "../log.ts";

export interface ServedOptions {
  readonly cluster: Cluster;
  readonly pod: string;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Ports that neither the kernel (from 32768 on, as a rule) nor well-known services take. */
const ports = { from: 20_000, to: 32_000 } as const;
/** A server that cannot reach pods tries for half a minute; over the other connection the files would be here by then. */
const openMs = 3000;
const listenMs = 1000;

/**
 * Has the collector serve its archive and reads it through the API server's proxy for pods, `get pods/proxy`: the bytes pass no kubelet and no runtime, and
 * are framed by none of them. https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/
 * Undefined where that is refused or the network does not let the API server in.
 */
export async function openServed(
  { cluster, pod, log, signal }: ServedOptions,
  order: (line: string) => void,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const port = randomInt(ports.from, ports.to);
  // Everybody in the cluster may be able to reach the pod.
  const token = randomBytes(16).toString("hex");
  order(`serve ${port} ${token}\n`);
  const path = `${resourcePath(pods, cluster.namespace, `http:${pod}:${port}`)}/proxy/${token}`;
  const untilMs = performance.now() + listenMs;
  for (;;) {
    try {
      const archive = await cluster.download({ method: "GET", path, signal, timeoutMs: openMs }, "tar");
      log.info("The test left much: its files come over the API server's proxy.");
      return archive;
    } catch (error) {
      signal.throwIfAborted();
      const isTooEarly = error instanceof KubernetesError && error.status >= 500 && performance.now() < untilMs;
      if (!isTooEarly) {
        log.info(
          `The test's files come by exec, which takes longer than over the API server's proxy: ${whyNot(error)}`,
        );
        return undefined;
      }
      await sleep(50, signal);
    }
  }
}

function whyNot(error: unknown): string {
  if (isStatus(error, 403)) return `the account may not use it; add ${formatRights([proxyRight])} to its Role.`;
  if (error instanceof DomainError && error.code === "api-unreachable")
    return `no answer came from the pod within ${openMs / 1000} s; a network policy may keep the API server out.`;
  return error instanceof Error ? error.message : String(error);
}
