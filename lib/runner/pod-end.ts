import type { Pod } from "../kubernetes/resource.ts";

/** Whether the pod's runner has ended; its sidecars may go on a little. */
export function hasEnded(pod: Pod): boolean {
  const { phase } = pod.status ?? {};
  return phase === "Succeeded" || phase === "Failed" || runnerStatus(pod)?.state?.terminated !== undefined;
}

/** Whether it has ended, and not as a runner does that had its job. */
export function hasFailed(pod: Pod): boolean {
  const ended = runnerStatus(pod)?.state?.terminated;
  return pod.status?.phase === "Failed" || (ended !== undefined && ended.exitCode !== 0);
}

/** How a runner ended, in words. */
export function describeEnd(pod: Pod): string {
  const { phase, reason, message } = pod.status ?? {};
  const ended = runnerStatus(pod)?.state?.terminated;
  if (ended?.exitCode === 0 || phase === "Succeeded") return "its job is done";
  if (ended !== undefined) return `its runner ended with exit code ${ended.exitCode} (${ended.reason ?? "no reason"})`;
  return `its pod failed: ${[reason, message].filter(Boolean).join(": ") || "no reason given"}`;
}

/** What a pod that does not come up waits for, in words. */
export function waitingReason(pod: Pod): string {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const waiting = statuses.find(({ state }) => state?.waiting !== undefined)?.state?.waiting;
  if (waiting !== undefined) return [waiting.reason, waiting.message].filter(Boolean).join(": ");
  const scheduled = pod.status?.conditions?.find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (scheduled !== undefined) return [scheduled.reason, scheduled.message].filter(Boolean).join(": ");
  return pod.status?.phase === "Running" ? "it runs, but the forge has not heard of it" : "its pod does not start";
}

function runnerStatus(pod: Pod) {
  return pod.status?.containerStatuses?.find(({ name }) => name === "runner");
}
