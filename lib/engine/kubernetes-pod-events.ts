import type { V1PersistentVolumeClaim } from "@kubernetes/client-node";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { getObject, listObjects } from "../kubernetes/object.ts";
import { events, type Plain, type Pod, type Resource } from "../kubernetes/resource.ts";
import type { Reason } from "../report/conclusion.ts";
import { startFailure } from "./kubernetes-termination.ts";

/** Ends a wait that can never succeed. */
export type GiveUp = (reason: Reason, detail: string) => void;

export interface ExplainOptions {
  readonly cluster: Cluster;
  readonly signal: AbortSignal;
  readonly say: (message: string) => void;
  readonly giveUp: GiveUp;
}

const claims: Resource<Plain<V1PersistentVolumeClaim>> = {
  group: "",
  version: "v1",
  plural: "persistentvolumeclaims",
  kind: "PersistentVolumeClaim",
  namespaced: true,
};

/** What of a pod's creation never ends well, whatever is waited for. */
const hopeless = [
  /no runtime for "[^"]*" is configured/,
  /RuntimeHandler "[^"]*" not supported/,
  /(secret|configmap) "[^"]*" not found/,
  /references non-existent (secret|config) key/,
  /hostPath type check failed/,
];

/** Says what keeps a node from making a pod's containers, by the pod's events; without the right to list them nothing is said. */
export async function explainCreation(podName: string, options: ExplainOptions): Promise<void> {
  const { cluster, signal, say, giveUp } = options;
  const fieldSelector = `involvedObject.kind=Pod,involvedObject.name=${podName},type=Warning`;
  const { items } = await listObjects(cluster, events, { fieldSelector, signal });
  const warning = items.findLast(({ reason }) => reason !== "FailedScheduling" && reason !== "Unhealthy");
  if (!warning?.message) return;
  const words = `${warning.reason}: ${warning.message.trim()}`;
  if (hopeless.some((pattern) => pattern.test(words))) giveUp("container-start-failed", startFailure(words));
  else say(words);
}

/** Says which of a pod's volume claims are not bound; one that does not exist is never waited for. */
export async function explainVolumes(pod: Pod, options: ExplainOptions): Promise<void> {
  const { cluster, signal, say, giveUp } = options;
  const named = pod.spec?.volumes?.flatMap((volume) => volume.persistentVolumeClaim?.claimName ?? []) ?? [];
  for (const name of named) {
    const claim = await readClaim(cluster, name, signal);
    if (claim === "refused") return;
    if (claim === undefined)
      return giveUp("unschedulable", `PersistentVolumeClaim ${name} does not exist in namespace ${cluster.namespace}.`);
    const { phase } = claim.status ?? {};
    const { storageClassName } = claim.spec ?? {};
    const of = storageClassName ? `storage class ${storageClassName}` : "no storage class";
    if (phase !== "Bound") say(`PersistentVolumeClaim ${name} is ${phase}, of ${of}: the pod waits for its volume.`);
  }
}

async function readClaim(cluster: Cluster, name: string, signal: AbortSignal) {
  try {
    return await getObject(cluster, claims, name, { signal });
  } catch (error) {
    if (isStatus(error, 403)) return "refused";
    throw error;
  }
}
