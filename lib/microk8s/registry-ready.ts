import type { V1PersistentVolumeClaim } from "@kubernetes/client-node";
import { sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { getObject } from "../kubernetes/object.ts";
import type { Plain, Resource } from "../kubernetes/resource.ts";
import { silentLog } from "../log.ts";
import { openRegistry } from "../oci/registry-client.ts";
import { lastEventOf } from "./last-event.ts";
import { whileAway } from "./while-away.ts";

export interface RegistryReadyOptions {
  /** `host:port` as this machine names it. */
  readonly registry: string;
  /** What the volume shall have, such as 20Gi. */
  readonly size: string;
  readonly timeoutMs: number;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

type VolumeClaim = Plain<V1PersistentVolumeClaim>;

const claims: Resource<VolumeClaim> = {
  group: "",
  version: "v1",
  plural: "persistentvolumeclaims",
  kind: "PersistentVolumeClaim",
  namespaced: true,
};
const place = { namespace: "container-registry", name: "registry-claim" };

/**
 * Waits until microk8s' registry has its volume and answers from this machine: its pod alone proves neither. Throws DomainError `registry-volume-pending` or
 * `registry-not-ready`.
 */
export async function waitForRegistry(cluster: Cluster, options: RegistryReadyOptions): Promise<void> {
  const endMs = Date.now() + options.timeoutMs;
  let volume: VolumeClaim | undefined;
  let observed = "";
  for (let round = 0; ; round++) {
    volume = await whileAway(() => findClaim(cluster, options.signal), volume, { endMs, signal: options.signal });
    observed = isPending(volume) ? "its volume is not bound" : await probe(options);
    if (observed === "") break;
    if (Date.now() >= endMs) throw await notReady(cluster, options, volume, observed);
    if (round === 0)
      cluster.log.info(
        `Waiting for registry ${options.registry}, at most ${formatDuration(options.timeoutMs)}: ${observed}.`,
      );
    await sleep(1000, options.signal);
  }
  const has = volume?.status?.capacity?.storage ?? volume?.spec?.resources?.requests?.storage;
  if (has !== undefined && has !== options.size)
    cluster.log.info(`The registry's volume has ${has}, not ${options.size}: it is kept, as a new one would be empty.`);
}

async function findClaim(cluster: Cluster, signal: AbortSignal): Promise<VolumeClaim | undefined> {
  return getObject(cluster, claims, place.name, { namespace: place.namespace, signal, timeoutMs: 10_000 });
}

function isPending(volume: VolumeClaim | undefined): boolean {
  return volume !== undefined && volume.status?.phase !== "Bound";
}

/** What is wrong with the registry; empty when nothing is. */
async function probe({ registry, env, signal }: RegistryReadyOptions): Promise<string> {
  using client = openRegistry({
    registry,
    env,
    signal,
    log: silentLog,
    retry: { attempts: 1, baseMs: 1, maxMs: 1 },
  });
  try {
    const found = await client.ping();
    return found === "absent" ? "what answers is no registry" : "";
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
  }
}

async function notReady(
  cluster: Cluster,
  { registry, timeoutMs, signal }: RegistryReadyOptions,
  volume: VolumeClaim | undefined,
  observed: string,
): Promise<DomainError> {
  const after = formatDuration(timeoutMs);
  if (!isPending(volume)) {
    return new DomainError("registry-not-ready", `Registry ${registry} is not ready after ${after}: ${observed}.`, {
      hint: "Look at: kubectl -n container-registry get pods,svc; and at what listens on its port: ss -ltnp.",
      retryable: true,
    });
  }
  const event = await lastEventOf(cluster, { kind: "PersistentVolumeClaim", ...place }, signal);
  return new DomainError(
    "registry-volume-pending",
    `The volume of registry ${registry} (PersistentVolumeClaim ${place.namespace}/${place.name}) is ${volume?.status?.phase ?? "Pending"} after ${after}${event ? `: ${event}` : "."}`,
    {
      hint: "Enable the addon hostpath-storage before registry, and look at the space left on the disk.",
      retryable: true,
    },
  );
}
