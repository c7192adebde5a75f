import { podRequest } from "./pod-request.ts";
import type { Pod } from "./resource.ts";

/** A pod that occupies GPUs, whether it uses them or not. */
export interface GpuHolder {
  readonly namespace: string;
  readonly pod: string;
  readonly node: string;
  /** Who made the pod, as `Job build`; undefined for a pod of nobody. */
  readonly owner: string | undefined;
  readonly amount: number;
  /** Since it was bound to its node, in milliseconds. */
  readonly ageMs: number;
  /** A runner of GitHub Actions or of Gitea: it waits for jobs, and may wait for a GPU that it holds itself. */
  readonly isRunner: boolean;
}

/** The pods that occupy a resource of a node, the oldest first: bound, and not ended yet. */
export function gpuHolders(pods: readonly Pod[], resource: string, now: Date): readonly GpuHolder[] {
  return pods
    .filter(({ spec, status }) => spec?.nodeName !== undefined && !/^(Succeeded|Failed)$/.test(status?.phase ?? ""))
    .map((pod) => toHolder(pod, resource, now))
    .filter(({ amount }) => amount > 0)
    .toSorted((one, other) => other.ageMs - one.ageMs);
}

/** How many pods ask for the resource and have no node yet. */
export function countWaiting(pods: readonly Pod[], resource: string): number {
  return pods.filter((pod) => pod.spec?.nodeName === undefined && podRequest(pod, resource) > 0).length;
}

/** Whether a pod is a runner: of ARC, of its older form, or of this project's chart. */
export function isRunnerPod({ metadata }: Pod): boolean {
  const labels = metadata?.labels ?? {};
  return (
    labels["actions-ephemeral-runner"] === "True" ||
    labels["runner-deployment-name"] !== undefined ||
    labels["app.kubernetes.io/component"] === "runner" ||
    labels["gpu-ci/runner"] !== undefined
  );
}

function toHolder(pod: Pod, resource: string, now: Date): GpuHolder {
  const { metadata, spec, status } = pod;
  const owner = metadata?.ownerReferences?.find(({ controller }) => controller === true);
  const since = Date.parse(status?.startTime ?? metadata?.creationTimestamp ?? "");
  return {
    namespace: metadata?.namespace ?? "",
    pod: metadata?.name ?? "",
    node: spec?.nodeName ?? "",
    owner: owner === undefined ? undefined : `${owner.kind} ${owner.name}`,
    amount: podRequest(pod, resource),
    ageMs: Number.isNaN(since) ? 0 : Math.max(0, now.getTime() - since),
    isRunner: isRunnerPod(pod),
  };
}
