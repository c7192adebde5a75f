import { sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { listObjects } from "../kubernetes/object.ts";
import { type DaemonSet, type Deployment, daemonSets, deployments, type Pod, pods } from "../kubernetes/resource.ts";
import type { WorkloadName } from "./addons.ts";
import { podTroubles } from "./pod-trouble.ts";
import { whileAway } from "./while-away.ts";

/** How far a Deployment or DaemonSet has come. */
export interface Workload extends WorkloadName {
  readonly uid: string;
  readonly ready: number;
  readonly wanted: number;
  /** Whether the controller has seen the newest specification and all of it runs. */
  readonly isRolledOut: boolean;
}

interface Waiting extends WorkloadName {
  readonly text: string;
}

export interface RolloutOptions {
  /** What is waited for, for people. */
  readonly what: string;
  /** Has to exist and to run. Where nothing is known to be required, what was not there before has to run. */
  readonly required: readonly WorkloadName[];
  /** Uids of the workloads that were there before. */
  readonly before: ReadonlySet<string>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** All Deployments and DaemonSets of the cluster. */
export async function listWorkloads(cluster: Cluster, signal: AbortSignal): Promise<readonly Workload[]> {
  const options = { allNamespaces: true, signal, timeoutMs: 30_000 };
  const [deployed, daemons] = await Promise.all([
    listObjects(cluster, deployments, options),
    listObjects(cluster, daemonSets, options),
  ]);
  return [...deployed.items.map(ofDeployment), ...daemons.items.map(ofDaemonSet)];
}

/** Waits until the workloads have rolled out. Throws DomainError `addon-not-ready` that says for each one left what its pods wait for. */
export async function waitForRollout(cluster: Cluster, options: RolloutOptions): Promise<void> {
  const deadlineMs = Date.now() + options.timeoutMs;
  let shown = "";
  let all: readonly Workload[] | undefined;
  for (;;) {
    const { signal } = options;
    all = await whileAway(() => listWorkloads(cluster, signal), all, { endMs: deadlineMs, signal });
    const waiting = all ? waitingFor(all, options) : [];
    if (all && waiting.length === 0) return;
    const text = all ? waiting.map(({ text }) => text).join(", ") : "the API server";
    if (text !== shown)
      cluster.log.info(
        `${options.what}: waiting for ${text}, at most ${formatDuration(Math.max(0, deadlineMs - Date.now()))}.`,
      );
    shown = text;
    if (Date.now() >= deadlineMs) throw await notReady(cluster, options, { waiting, text });
    await sleep(1000, options.signal);
  }
}

function waitingFor(all: readonly Workload[], { required, before }: RolloutOptions): readonly Waiting[] {
  const missing = required
    .filter((wanted) => !all.some((workload) => isSame(workload, wanted)))
    .map((name) => ({ ...name, text: `${nameOf(name)} (absent)` }));
  const unfinished = all
    .filter((workload) =>
      required.length > 0 ? required.some((wanted) => isSame(workload, wanted)) : !before.has(workload.uid),
    )
    .filter((workload) => !workload.isRolledOut)
    .map((workload) => ({
      ...workload,
      text: `${nameOf(workload)} (${workload.ready} of ${workload.wanted} ready)`,
    }));
  return [...missing, ...unfinished];
}

async function notReady(
  cluster: Cluster,
  { what, timeoutMs, signal }: RolloutOptions,
  { waiting, text }: { readonly waiting: readonly Waiting[]; readonly text: string },
): Promise<DomainError> {
  const { items } = await listObjects(cluster, pods, { allNamespaces: true, signal, timeoutMs: 10_000 });
  const own = items.filter((pod) => waiting.some((workload) => isPodOf(workload, pod)));
  // A workload that has no pod, or whose pods say nothing, may wait for what another one should give.
  const troubles = [own, items].map(podTroubles).find((found) => found.length > 0) ?? [];
  return new DomainError(
    "addon-not-ready",
    [`${what} is not ready after ${formatDuration(timeoutMs)}: ${text}.`, ...troubles.slice(0, 5)].join("\n"),
    { hint: "Look at it with kubectl describe, or raise wait-timeout.", retryable: true },
  );
}

function isPodOf({ namespace, name }: WorkloadName, { metadata }: Pod): boolean {
  return metadata?.namespace === namespace && metadata.name?.startsWith(`${name}-`) === true;
}

function ofDeployment({ metadata, spec, status }: Deployment): Workload {
  const wanted = spec?.replicas ?? 1;
  const ready = Math.min(status?.updatedReplicas ?? 0, status?.availableReplicas ?? 0);
  const seen = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
  return { kind: "Deployment", ...placeOf(metadata), ready, wanted, isRolledOut: seen && ready >= wanted };
}

function ofDaemonSet({ metadata, status }: DaemonSet): Workload {
  const wanted = status?.desiredNumberScheduled ?? 0;
  const ready = Math.min(status?.updatedNumberScheduled ?? 0, status?.numberAvailable ?? 0);
  const seen = (status?.observedGeneration ?? 0) >= (metadata?.generation ?? 0);
  return { kind: "DaemonSet", ...placeOf(metadata), ready, wanted, isRolledOut: seen && ready >= wanted };
}

function placeOf(metadata: Deployment["metadata"]) {
  return { namespace: metadata?.namespace ?? "", name: metadata?.name ?? "", uid: metadata?.uid ?? "" };
}

function isSame(one: WorkloadName, other: WorkloadName): boolean {
  return one.kind === other.kind && one.namespace === other.namespace && one.name === other.name;
}

function nameOf({ kind, namespace, name }: WorkloadName): string {
  return `${kind} ${namespace}/${name}`;
}
