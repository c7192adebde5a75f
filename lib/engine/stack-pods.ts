import { text } from "node:stream/consumers";
import type { Cluster } from "../kubernetes/client.ts";
import { KubernetesError } from "../kubernetes/kubernetes-error.ts";
import { listObjects } from "../kubernetes/object.ts";
import { events, type Pod, pods, resourcePath } from "../kubernetes/resource.ts";
import { stackLabel } from "./stack-object.ts";

/** One container's log. */
export interface ContainerLog {
  readonly pod: string;
  readonly container: string;
  readonly text: string;
}

interface StackPodsOptions {
  readonly cluster: Cluster;
  /** Name of the stack. */
  readonly name: string;
  readonly signal: AbortSignal;
}

/** What stands in the way of a stack's pods, a line each: their containers' states, and what the cluster's events warn of. */
export async function explainStack(
  { cluster, name, signal }: StackPodsOptions,
  kinds: readonly string[],
): Promise<string[]> {
  const found = await listObjects(cluster, pods, { labelSelector: `${stackLabel}=${name}`, signal });
  const warnings = await listObjects(cluster, events, { fieldSelector: "type=Warning", signal }).catch(
    (error: unknown) => {
      // Without the right to read events the states alone have to do.
      if (error instanceof KubernetesError) return { items: [] };
      throw error;
    },
  );
  const names = [...found.items.map(({ metadata }) => metadata?.name ?? ""), ...kinds];
  const said = warnings.items
    .filter(({ involvedObject }) =>
      names.some((own) => involvedObject.name === own || involvedObject.name?.startsWith(`${own}-`)),
    )
    .map(
      ({ involvedObject, reason, message }) => `${involvedObject.kind} ${involvedObject.name}: ${reason}: ${message}`,
    );
  return [...new Set([...found.items.flatMap(troublesOf), ...said.slice(-5)])];
}

/** The logs of all containers of a stack that have run, the crashed one before the one that runs now; `tailLines` is for each, default all. */
export async function readStackLogs(
  { cluster, name, signal }: StackPodsOptions,
  tailLines?: number,
): Promise<readonly ContainerLog[]> {
  const { items } = await listObjects(cluster, pods, { labelSelector: `${stackLabel}=${name}`, signal });
  const logs: ContainerLog[] = [];
  for (const pod of items) {
    const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
    for (const { name: container, state, lastState } of statuses) {
      const read = (previous: boolean) => readLog({ cluster, pod, container, previous, tailLines, signal });
      const parts = [
        ...(lastState?.terminated ? [await read(true)] : []),
        ...(state?.running || state?.terminated ? [await read(false)] : []),
      ];
      if (parts.length > 0) logs.push({ pod: pod.metadata?.name ?? "", container, text: parts.join("") });
    }
  }
  return logs;
}

function troublesOf({ metadata, status }: Pod): string[] {
  const pod = `Pod ${metadata?.name ?? ""}`;
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const containers = statuses.flatMap(({ name, state, lastState, ready, started }) => {
    const ended = state?.terminated ?? lastState?.terminated;
    if (state?.waiting?.message)
      return [`${pod}: container ${name}: ${state.waiting.reason}: ${state.waiting.message}`];
    if (ended && ended.exitCode !== 0)
      return [`${pod}: container ${name} ended with exit code ${ended.exitCode} (${ended.reason ?? "Error"})`];
    return state?.running && !(ready || started === false) ? [`${pod}: container ${name} runs and is not ready`] : [];
  });
  return [...(unscheduled?.message ? [`${pod}: ${unscheduled.message}`] : []), ...containers];
}

interface ReadLogOptions extends Omit<StackPodsOptions, "name"> {
  readonly pod: Pod;
  readonly container: string;
  readonly previous: boolean;
  readonly tailLines: number | undefined;
}

async function readLog({ cluster, pod, container, previous, tailLines, signal }: ReadLogOptions): Promise<string> {
  const path = `${resourcePath(pods, cluster.namespace, pod.metadata?.name ?? "")}/log`;
  const limitBytes = 50_000_000;
  try {
    return await text(
      await cluster.stream({ method: "GET", path, query: { container, previous, tailLines, limitBytes }, signal }),
    );
  } catch (error) {
    // A log may be gone with its container, and is no reason to fail.
    if (error instanceof KubernetesError) return "";
    throw error;
  }
}
