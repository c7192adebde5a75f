import { formatDuration } from "../../lib/duration.ts";
import type { GpuHolder } from "../../lib/kubernetes/gpu-holders.ts";
import { type Finding, problem, type Subject } from "./finding.ts";
import type { GpuStock } from "./gpu-stock-findings.ts";

const subject: Subject = { group: "gpus", topic: "GPU holders" };
const shownHolders = 5;

/** Who holds the GPUs, when there is none left; and runners that hold one, for which they have no use. */
export function gpuHolderFindings({ resource, nodes, holders = [] }: GpuStock): readonly Finding[] {
  const allocatable = nodes.reduce((sum, node) => sum + Number(node.status?.allocatable?.[resource] ?? 0), 0);
  const runners = holders.filter(({ isRunner }) => isRunner);
  const runnerFindings = runners.length === 0 ? [] : [selfDeadlock(runners, allocatable, resource)];
  const others = holders.filter(({ isRunner }) => !isRunner);
  const isBusy = allocatable > 0 && amountOf(holders) >= allocatable;
  if (!isBusy || others.length === 0) return runnerFindings;
  return [
    ...runnerFindings,
    problem(subject, "limited", {
      code: "gpus-busy",
      found: `all ${allocatable} ${resource} are held: ${listHolders(others)}`,
      cause: "a new test waits until one of them ends",
      remedy: `Wait, or end what is not needed: ${deleteCommand(others[0])}`,
    }),
  ];
}

function selfDeadlock(runners: readonly GpuHolder[], allocatable: number, resource: string): Finding {
  const isDeadlock = amountOf(runners) >= allocatable;
  return problem(subject, isDeadlock ? "missing" : "limited", {
    code: isDeadlock ? "runner-deadlock" : "runner-holds-gpu",
    found: `runner pods hold ${amountOf(runners)} of ${allocatable} ${resource}: ${listHolders(runners)}`,
    cause: isDeadlock
      ? "self-deadlock: the runner waits for a test that waits for the GPU that the runner holds"
      : "a runner only starts tests: the GPU that it holds is idle",
    remedy: `Take ${resource} out of the runner's pod template: the Jobs ask for it themselves.`,
  });
}

function amountOf(holders: readonly GpuHolder[]): number {
  return holders.reduce((sum, { amount }) => sum + amount, 0);
}

function listHolders(holders: readonly GpuHolder[]): string {
  const words = holders.slice(0, shownHolders).map(({ namespace, pod, owner, amount, ageMs }) => {
    const whose = owner === undefined ? "" : ` of ${owner}`;
    return `${namespace}/${pod}${whose} (${amount}, for ${formatDuration(ageMs)})`;
  });
  const rest = holders.length - words.length;
  return rest > 0 ? `${words.join(", ")} and ${rest} more` : words.join(", ");
}

function deleteCommand(holder: GpuHolder | undefined): string {
  if (holder === undefined) return "";
  const [kind = "Pod", name = holder.pod] = holder.owner?.split(" ") ?? [];
  return `kubectl delete ${kind.toLowerCase()} ${name} --namespace=${holder.namespace}`;
}
