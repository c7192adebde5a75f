import type { KubernetesObject } from "@kubernetes/client-node";
import { formatDuration } from "../../lib/duration.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { describePodTrouble } from "../../lib/kubernetes/pod-trouble.ts";
import { type Plain, type Pod, pods, type Resource } from "../../lib/kubernetes/resource.ts";
import { controllerFindings } from "./controller-findings.ts";
import { drainFindings } from "./drain-findings.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

/** What ARC notes about one runner: https://github.com/actions/actions-runner-controller, apis/actions.github.com/v1alpha1. */
type EphemeralRunner = Plain<KubernetesObject> & {
  readonly status?: { readonly phase?: string; readonly reason?: string; readonly message?: string };
};

const ephemeralRunners: Resource<EphemeralRunner> = {
  group: "actions.github.com",
  version: "v1alpha1",
  plural: "ephemeralrunners",
  kind: "EphemeralRunner",
  namespaced: true,
};

const subject: Subject = { group: "runners", topic: "runners" };
/** A runner that takes longer to come up is stuck: its image is pulled by then. */
const patienceMs = 300_000;

export interface RunnerLookOptions {
  readonly now: Date;
  readonly signal: AbortSignal;
}

/** Runners in the cluster, of ARC and of our own chart: those that are stuck, and whether new jobs are taken at all. */
export async function runnerFindings(cluster: Cluster, options: RunnerLookOptions): Promise<readonly Finding[]> {
  const { signal, now } = options;
  const list = async (labelSelector: string) =>
    (await listObjects(cluster, pods, { allNamespaces: true, labelSelector, signal })).items;
  const [own, arc, ephemeral, drain, controllers] = await Promise.all([
    list("app.kubernetes.io/component=runner,app.kubernetes.io/managed-by=gpu-ci"),
    list("actions-ephemeral-runner=True"),
    listEphemeralRunners(cluster, signal),
    drainFindings(cluster, options),
    controllerFindings(cluster, signal),
  ]);
  const runners = [...own, ...arc];
  const stuck = runners.flatMap((pod) => stuckFinding(pod, now) ?? []);
  const failed = failedFindings(ephemeral, now);
  if (runners.length === 0 && failed.length === 0) {
    const remedy =
      "Where runners shall live in this cluster: gpu-ci runners install, or ARC with runner-deploy/arc/values.yaml.";
    return [
      problem(subject, "absent", { code: "runners-absent", found: "none in this cluster", remedy }),
      ...drain,
      ...controllers,
    ];
  }
  const well = runners.length - stuck.length;
  return [
    ...(well > 0 ? [ok(subject, `${well} of ${runners.length} runner pods are well`)] : []),
    ...stuck,
    ...failed,
    ...drain,
    ...controllers,
  ];
}

async function listEphemeralRunners(cluster: Cluster, signal: AbortSignal): Promise<readonly EphemeralRunner[]> {
  try {
    return (await listObjects(cluster, ephemeralRunners, { allNamespaces: true, signal })).items;
  } catch (error) {
    // A cluster without ARC does not know the kind; an account that may not see it says nothing about it.
    if (isStatus(error, 404) || isStatus(error, 403)) return [];
    throw error;
  }
}

function stuckFinding(pod: Pod, now: Date): Finding | undefined {
  const ageMs = ageOf(pod, now);
  const name = `${pod.metadata?.namespace}/${pod.metadata?.name}`;
  const trouble = describePodTrouble(pod);
  const isOver = pod.status?.phase === "Failed";
  if (trouble !== undefined && (isOver || ageMs > patienceMs)) {
    return problem(subject, "limited", {
      code: "runner-not-ready",
      found: `${name} ${isOver ? "failed and is still there" : "is not ready"} after ${formatDuration(ageMs)}`,
      cause: trouble,
      remedy: `kubectl describe pod ${pod.metadata?.name} --namespace=${pod.metadata?.namespace}; its replacement comes when it is deleted.`,
    });
  }
  const isUnseen = pod.metadata?.labels?.["gpu-ci/runner-state"] === "starting" && pod.status?.phase === "Running";
  if (!isUnseen || ageMs <= patienceMs) return undefined;
  return problem(subject, "limited", {
    code: "runner-offline",
    found: `${name} runs since ${formatDuration(ageMs)}, but the forge has never seen it online`,
    cause: "it cannot reach the forge, or its registration was refused",
    remedy: `kubectl logs ${pod.metadata?.name} --namespace=${pod.metadata?.namespace}; check egress to the forge and the controller's log.`,
  });
}

/** After five failures ARC gives a runner up, and counts it as capacity for ever (actions-runner-controller#3014). */
function failedFindings(runners: readonly EphemeralRunner[], now: Date): readonly Finding[] {
  const failed = runners.filter(({ status }) => status?.phase === "Failed");
  const byNamespace = Map.groupBy(failed, ({ metadata }) => metadata?.namespace ?? "");
  return [...byNamespace].map(([namespace, group]) => {
    const named = group
      .slice(0, 3)
      .map((runner) => `${runner.metadata?.name} (${formatDuration(ageOf(runner, now))} old)`);
    const more = group.length > named.length ? ` and ${group.length - named.length} more` : "";
    const { reason, message } = group[0]?.status ?? {};
    const said = [reason, message].filter(Boolean).join(": ");
    return problem(subject, "limited", {
      code: "ephemeral-runner-failed",
      found: `EphemeralRunner ${named.join(", ")}${more} failed in namespace ${namespace}`,
      cause: `${said === "" ? "its pod failed too often" : said}; ARC keeps it and counts it as capacity`,
      remedy: `kubectl delete ephemeralrunner ${group[0]?.metadata?.name} --namespace=${namespace}, once its cause is gone.`,
    });
  });
}

function ageOf({ metadata }: Plain<KubernetesObject>, now: Date): number {
  return Math.max(0, now.getTime() - Date.parse(metadata?.creationTimestamp ?? now.toISOString()));
}
