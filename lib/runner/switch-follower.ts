import { sleep } from "../abort.ts";
import { describeError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { listObjects } from "../kubernetes/object.ts";
import { type ApiObject, type ConfigMap, configMaps, type Resource } from "../kubernetes/resource.ts";
import { watchObjects } from "../kubernetes/watch.ts";
import type { Log } from "../log.ts";
import { type DrainSwitch, readDrainSwitch } from "./drain-switch.ts";
import { warnOn } from "./runner-event.ts";

/** The switch as it stands, kept up to date by a watch. */
export interface SwitchFollower {
  /** What is in force now. */
  positions(): DrainSwitch;
  /** The global ConfigMap, when there is one. */
  globalConfigMap(): ConfigMap | undefined;
  /** Tells this cluster and namespace from others that share a forge: six hex digits. */
  readonly placeUid: string;
}

export interface SwitchFollowerOptions {
  /** Name of the global ConfigMap. */
  readonly name: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** Called after every change of the switch. */
  readonly onChange: () => void;
}

/**
 * Reads the switch, then follows it until the signal; a value that cannot be used gets one Event. Throws when it cannot be read at the
 * beginning.
 */
export async function followSwitch(cluster: Cluster, options: SwitchFollowerOptions): Promise<SwitchFollower> {
  const { name, log, signal, now, onChange } = options;
  const { items } = await listObjects(cluster, configMaps, { signal });
  const isOurs = ({ metadata }: ConfigMap) => metadata?.name === name || metadata?.name?.startsWith(`${name}-`);
  const known = new Map(items.filter(isOurs).map((configMap) => [configMap.metadata?.name ?? "", configMap]));
  const told = new Set<string>();
  let positions: DrainSwitch | undefined;
  const read = () => {
    const reading = readDrainSwitch([...known.values()], { name, before: positions, nowMs: now().getTime() });
    positions = reading.positions;
    for (const { configMap, message } of reading.mistakes) {
      const version = `${configMap.metadata?.uid} ${configMap.metadata?.resourceVersion}`;
      const object = { ...configMap, apiVersion: "v1", kind: "ConfigMap" };
      if (!told.has(version)) void warnOn(cluster, { object, reason: "BadDrainState", message }, options);
      told.add(version);
    }
    return positions;
  };
  let current = read();
  const take = (type: string, configMap: ConfigMap) => {
    if (!isOurs(configMap)) return;
    if (type === "DELETED") known.delete(configMap.metadata?.name ?? "");
    else known.set(configMap.metadata?.name ?? "", configMap);
    current = read();
    onChange();
  };
  followForEver(cluster, configMaps, { log, signal, take });
  // Every namespace has this ConfigMap of its own; it lives as long as the namespace.
  const root = items.find(({ metadata }) => metadata?.name === "kube-root-ca.crt");
  return {
    positions: () => current,
    globalConfigMap: () => known.get(name),
    placeUid: root?.metadata?.uid ?? `${cluster.server}/${cluster.namespace}`,
  };
}

export interface FollowOptions<T> {
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly labelSelector?: string;
  readonly take: (type: string, object: T) => void;
}

const againMs = 5000;

/** Watches until the signal, whatever happens to the API server meanwhile: the controller outlives it. Returns at once. */
export function followForEver<T extends ApiObject>(
  cluster: Cluster,
  resource: Resource<T>,
  options: FollowOptions<T>,
): void {
  const { log, signal, take, ...selection } = options;
  const follow = async () => {
    while (!signal.aborted) {
      try {
        for await (const { type, object } of watchObjects(cluster, resource, { ...selection, signal }))
          take(type, object);
      } catch (error) {
        if (signal.aborted) return;
        log.warning(`Watching ${resource.plural} again: ${describeError(error)}`);
        await sleep(againMs, signal);
      }
    }
  };
  follow().catch(() => {});
}
