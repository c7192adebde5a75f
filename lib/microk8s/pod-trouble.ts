import type { Pod } from "../kubernetes/resource.ts";

type ContainerStatus = NonNullable<NonNullable<Pod["status"]>["containerStatuses"]>[number];

/** What pods wait for or fail of, a line each; pods that run, and those that just start, are left out. */
export function podTroubles(pods: readonly Pod[]): readonly string[] {
  return pods.flatMap((pod) => {
    const trouble = podTrouble(pod);
    return trouble === undefined ? [] : [`Pod ${pod.metadata?.namespace}/${pod.metadata?.name}: ${trouble}`];
  });
}

/** What a pod waits for or failed of, as `reason: message`, with what its container said last; undefined when nothing is known. */
export function podTrouble({ status }: Pod): string | undefined {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const failing = containers.find((container) => !container.ready && stateOf(container) !== undefined);
  if (failing) return stateOf(failing);
  const scheduled = status?.conditions?.find(({ type, status: value }) => type === "PodScheduled" && value === "False");
  return scheduled?.reason && withMessage(scheduled.reason, scheduled.message);
}

function stateOf({ state, lastState }: ContainerStatus): string | undefined {
  const ended = state?.terminated ?? lastState?.terminated;
  const said =
    ended && ended.exitCode !== 0
      ? `exit code ${ended.exitCode}${ended.message ? `, ${ended.message.trim()}` : ""}`
      : undefined;
  const waiting = state?.waiting;
  if (waiting?.reason && !["ContainerCreating", "PodInitializing"].includes(waiting.reason))
    return [withMessage(waiting.reason, waiting.message), ...(said ? [`last ${said}`] : [])].join("; ");
  return said && withMessage(state?.terminated?.reason ?? "Failed", said);
}

function withMessage(reason: string, message: string | undefined): string {
  return message ? `${reason}: ${message}` : reason;
}
