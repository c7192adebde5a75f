import type { Pod } from "./resource.ts";

/** Why a pod is not ready, in the words of its containers or of the scheduler; undefined when it is ready or ended well. */
export function describePodTrouble({ status, metadata }: Pod): string | undefined {
  if (status?.phase === "Succeeded") return undefined;
  if (status?.conditions?.some(({ type, status: is }) => type === "Ready" && is === "True")) return undefined;
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  // Of an init container that is done nobody wants to hear.
  const stuck = containers.find(({ ready, state }) => !ready && (state?.terminated?.exitCode ?? 1) !== 0);
  const ended = stuck?.state?.terminated ?? stuck?.lastState?.terminated;
  const waiting = stuck?.state?.waiting;
  const unscheduled = status?.conditions?.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
  const said = [
    waiting && [waiting.reason, waiting.message].filter(Boolean).join(": "),
    ended &&
      `ended with exit code ${ended.exitCode}${ended.message ? `: ${ended.message.trim().split("\n").at(-1)}` : ""}`,
    stuck === undefined && unscheduled?.message,
    stuck === undefined && status?.message,
  ].filter(Boolean);
  const what = said.length === 0 ? `is ${status?.phase ?? "unknown"} and not ready` : said.join("; ");
  return `${metadata?.namespace}/${metadata?.name}${stuck ? ` (${stuck.name})` : ""}: ${what}`;
}
