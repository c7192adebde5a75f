import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { createObject, deleteObject, getObject, patchObject } from "../kubernetes/object.ts";
import { type ConfigMap, configMaps } from "../kubernetes/resource.ts";
import type { RunnerState } from "./drain-switch.ts";

/** Where the switch is put. */
export interface NewPosition {
  /** Name of the global ConfigMap. */
  readonly name: string;
  /** Undefined puts the global switch. */
  readonly node: string | undefined;
  readonly state: RunnerState;
  /** A duration after which running jobs are ended; undefined lets them finish. */
  readonly deadline: string | undefined;
  readonly signal: AbortSignal;
}

/** Puts the switch, making its ConfigMap where there is none. */
export async function setDrainState(cluster: Cluster, position: NewPosition): Promise<void> {
  const { name, node, state, deadline, signal } = position;
  const own = node === undefined ? name : `${name}-${node}`;
  const labels = { "app.kubernetes.io/managed-by": "gpu-ci" };
  const patch = { data: { STATE: state, DEADLINE: deadline ?? null } };
  const data = { STATE: state, ...(deadline === undefined ? {} : { DEADLINE: deadline }) };
  try {
    await patchObject(cluster, configMaps, own, { patch, signal });
  } catch (error) {
    if (!isStatus(error, 404)) throw error;
    const ownerReferences = await ownersOf(cluster, node === undefined ? undefined : name, signal);
    const metadata = { name: own, labels, ...(ownerReferences.length === 0 ? {} : { ownerReferences }) };
    await createObject(cluster, configMaps, { metadata, data }, { signal });
  }
}

/** Takes a node's own position away: it follows the global switch again. False when it had none. */
export async function clearNodeState(cluster: Cluster, name: string, node: string, signal: AbortSignal) {
  return await deleteObject(cluster, configMaps, `${name}-${node}`, { signal });
}

/** What is made beside the chart's ConfigMap goes with it. */
async function ownersOf(cluster: Cluster, name: string | undefined, signal: AbortSignal) {
  const global: ConfigMap | undefined =
    name === undefined ? undefined : await getObject(cluster, configMaps, name, { signal });
  const uid = global?.metadata?.uid;
  if (name === undefined || uid === undefined) return [];
  return [{ apiVersion: "v1", kind: "ConfigMap", name, uid }];
}
