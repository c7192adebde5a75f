import { randomBytes, randomInt } from "node:crypto";
import { Agent } from "node:http";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import { sleep } from "../abort.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus, KubernetesError } from "../kubernetes/kubernetes-error.ts";
import { formatRights, proxyRight } from "../kubernetes/needed-rights.ts";
import { pods, resourcePath } from "../kubernetes/resource.ts";
import { createTransport } from "../kubernetes/transport.ts";
import type { Log } from "../log.ts";
import type { PodAddresses } from "./kubernetes-pod-state.ts";

export interface ServedOptions {
  readonly cluster: Cluster;
  readonly pod: string;
  readonly addresses: PodAddresses | undefined;
  readonly log: Log;
  readonly signal: AbortSignal;
}

type Archive = AsyncIterable<Uint8Array>;

/** Where the collector listens for one request, and the path that it answers. */
interface Offer {
  readonly port: number;
  readonly token: string;
}

/** Ports that neither the kernel (from 32768 on, as a rule) nor well-known services take. */
const ports = { from: 20_000, to: 32_000 } as const;
/** A server that cannot reach pods tries for half a minute; over the other connection the files would be here by then. */
const openMs = 3000;
const directMs = 1000;
const listenMs = 1000;

/**
 * Has the collector serve its archive and reads it over a connection of its own, which passes no kubelet and no runtime, and is framed by none of
 * them: from the pod itself on the node that it is on, else through the API server. Undefined where neither can be.
 */
export async function openServed(options: ServedOptions, order: (line: string) => void): Promise<Archive | undefined> {
  // Everybody in the cluster may be able to reach the pod.
  const offer = { port: randomInt(ports.from, ports.to), token: randomBytes(16).toString("hex") };
  order(`serve ${offer.port} ${offer.token}\n`);
  return (await openDirect(options, offer)) ?? (await openProxied(options, offer));
}

/**
 * Programs on a node reach all pods on that node, whatever the policies say:
 * https://kubernetes.io/docs/concepts/services-networking/#the-kubernetes-network-model
 */
async function openDirect({ addresses, log, signal }: ServedOptions, offer: Offer): Promise<Archive | undefined> {
  if (!addresses || !isOurs(addresses.node)) return undefined;
  const host = isIPv6(addresses.pod) ? `[${addresses.pod}]` : addresses.pod;
  const authorization = { headers: {}, agent: new Agent({ keepAlive: false }), tls: {} };
  const transport = createTransport({
    server: `http://${host}:${offer.port}`,
    log,
    awayBudgetMs: 0,
    authorize: async () => authorization,
    close: () => {},
  });
  const request = { method: "GET", path: `/${offer.token}`, signal, timeoutMs: directMs } as const;
  try {
    const archive = await whenListening(() => transport.download(request, "tar"), isRefused, signal);
    log.info("The test left much: its files come straight from its pod, which is on this machine.");
    return ofPod(archive, host, signal);
  } catch (error) {
    signal.throwIfAborted();
    log.debug(`The pod cannot be reached from this machine, although it is its node: ${String(error)}`);
    return undefined;
  }
}

/** What breaks then is no connection to the API server, whatever the transport calls it. */
async function* ofPod(archive: Archive, host: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* archive;
  } catch (error) {
    signal.throwIfAborted();
    throw new DomainError("pod-unreachable", `The connection to the pod at ${host} broke.`, {
      cause: error,
      retryable: true,
    });
  }
}

/** Reads it by `get pods/proxy`: https://kubernetes.io/docs/tasks/access-application-cluster/access-cluster-services/ */
async function openProxied({ cluster, pod, log, signal }: ServedOptions, offer: Offer): Promise<Archive | undefined> {
  const path = `${resourcePath(pods, cluster.namespace, `http:${pod}:${offer.port}`)}/proxy/${offer.token}`;
  const request = { method: "GET", path, signal, timeoutMs: openMs } as const;
  const isTooEarly = (error: unknown) => error instanceof KubernetesError && error.status >= 500;
  try {
    const archive = await whenListening(() => cluster.download(request, "tar"), isTooEarly, signal);
    log.info("The test left much: its files come over the API server's proxy.");
    return archive;
  } catch (error) {
    signal.throwIfAborted();
    log.info(`The test's files come by exec, which takes longer than over the API server's proxy: ${whyNot(error)}`);
    return undefined;
  }
}

/** Tries again while the listener may still be on its way. */
async function whenListening<T>(
  open: () => Promise<T>,
  isTooEarly: (error: unknown) => boolean,
  signal: AbortSignal,
): Promise<T> {
  const untilMs = performance.now() + listenMs;
  for (;;) {
    try {
      return await open();
    } catch (error) {
      if (!isTooEarly(error) || performance.now() >= untilMs) throw error;
      await sleep(50, signal);
    }
  }
}

function isOurs(address: string): boolean {
  return Object.values(networkInterfaces()).some((own = []) => own.some((one) => one.address === address));
}

function isRefused(error: unknown): boolean {
  const cause = error instanceof DomainError ? error.cause : undefined;
  return cause instanceof Error && "code" in cause && cause.code === "ECONNREFUSED";
}

function whyNot(error: unknown): string {
  if (isStatus(error, 403)) return `the account may not use it; add ${formatRights([proxyRight])} to its Role.`;
  if (error instanceof DomainError && error.code === "api-unreachable")
    return `no answer came from the pod within ${openMs / 1000} s; a network policy may keep the API server out.`;
  return error instanceof Error ? error.message : String(error);
}
