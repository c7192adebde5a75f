import type { Cluster } from "../kubernetes/client.ts";
import { listObjects } from "../kubernetes/object.ts";
import { type Node, nodes, type Pod, pods } from "../kubernetes/resource.ts";
import { lastEventOf } from "./last-event.ts";
import { podTrouble } from "./pod-trouble.ts";
import { listWorkloads } from "./rollout.ts";

const most = 8;

/** Says what of a cluster is not ready, each component with its last message and event, within 20 s. It never throws: it explains another error. */
export async function reportCluster(cluster: Cluster): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  await cluster.log.group("What of the cluster is not ready", async () => {
    const parts = [nodeLines(cluster, signal), workloadLines(cluster, signal), podLines(cluster, signal)];
    const answers = await Promise.allSettled(parts);
    const lines = answers.flatMap((answer) =>
      answer.status === "fulfilled" ? answer.value : [`The cluster does not say: ${messageOf(answer.reason)}`],
    );
    for (const line of new Set(lines)) cluster.log.info(line);
    if (lines.length === 0) cluster.log.info("All nodes, Deployments, DaemonSets and pods are ready.");
  });
}

async function nodeLines(cluster: Cluster, signal: AbortSignal): Promise<readonly string[]> {
  const { items } = await listObjects(cluster, nodes, { signal, timeoutMs: 10_000 });
  return items.flatMap((node) => nodeTroubles(node).map((words) => `Node ${node.metadata?.name}: ${words}`));
}

function nodeTroubles({ spec, status }: Node): readonly string[] {
  const conditions = (status?.conditions ?? []).filter(
    ({ type, status: value }) => (type === "Ready") !== (value === "True"),
  );
  const words = conditions.map(
    ({ type, status: value, reason, message }) => `${type} is ${value}: ${reason}: ${message}`,
  );
  return spec?.unschedulable ? [...words, "it takes no new pods (cordoned)"] : words;
}

async function workloadLines(cluster: Cluster, signal: AbortSignal): Promise<readonly string[]> {
  const waiting = (await listWorkloads(cluster, signal)).filter(({ isRolledOut }) => !isRolledOut).slice(0, most);
  return await Promise.all(
    waiting.map(async ({ kind, namespace, name, ready, wanted }) => {
      const event = await lastEventOf(cluster, { kind, namespace, name }, signal);
      return `${kind} ${namespace}/${name}: ${ready} of ${wanted} ready${event ? `; ${event}` : ""}`;
    }),
  );
}

async function podLines(cluster: Cluster, signal: AbortSignal): Promise<readonly string[]> {
  const { items } = await listObjects(cluster, pods, { allNamespaces: true, signal, timeoutMs: 10_000 });
  const waiting = items.filter((pod) => isWaiting(pod)).slice(0, most);
  return await Promise.all(
    waiting.map(async (pod) => {
      const place = { namespace: pod.metadata?.namespace ?? "", name: pod.metadata?.name ?? "" };
      const event = await lastEventOf(cluster, { kind: "Pod", ...place }, signal);
      const parts = [podTrouble(pod) ?? `phase ${pod.status?.phase ?? "unknown"}`, ...(event ? [event] : [])];
      return `Pod ${place.namespace}/${place.name}: ${parts.join("; ")}`;
    }),
  );
}

function isWaiting({ status }: Pod): boolean {
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return false;
  return status?.phase === "Pending" || (status?.containerStatuses ?? []).some(({ ready }) => !ready);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
