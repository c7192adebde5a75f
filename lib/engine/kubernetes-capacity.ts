import type { Node, Pod } from "../kubernetes/resource.ts";
import type { TestPod } from "./test-pod.ts";

/** What the nodes' sizes say about a request. */
export interface CapacityAnswer {
  /** No node will ever do as the cluster stands; else it is a matter of waiting. */
  readonly isImpossible: boolean;
  readonly words: string;
}

type Request = Pick<TestPod, "gpus" | "gpuResource" | "cpu" | "memory" | "placement">;

/** Compares a request with the largest node; undefined when its size is not the problem. */
export function explainCapacity(nodes: readonly Node[], request: Request): CapacityAnswer | undefined {
  const wanted = Object.entries(request.placement.nodeSelector);
  const fitting = nodes.filter((node) => wanted.every(([key, value]) => node.metadata?.labels?.[key] === value));
  if (fitting.length === 0) {
    const labels = wanted.map(([key, value]) => `${key}=${value}`).join(", ");
    return {
      isImpossible: true,
      words: `None of the ${nodes.length} nodes has the labels of node-selector: ${labels}.`,
    };
  }
  return (
    gpuAnswer(fitting, request) ??
    amountAnswer(fitting, "cpu", request.cpu) ??
    amountAnswer(fitting, "memory", request.memory)
  );
}

/** Largest amount of a resource that one ready node that takes pods can give. */
export function largestAllocatable(nodes: readonly Node[], resource: string): number {
  const usable = nodes.filter((node) => !node.spec?.unschedulable && isReady(node));
  return Math.max(0, ...usable.map((node) => quantity(node.status?.allocatable?.[resource])));
}

/** The pods that hold a resource: `namespace/name (2, for 10 min)`, at most five; empty when there is none. */
export function holdersOf(pods: readonly Pod[], resource: string): string {
  const holders = pods
    .map((pod) => ({ pod, amount: requestOf(pod, resource) }))
    .filter(({ amount }) => amount > 0)
    .map(
      ({ pod, amount }) =>
        `${pod.metadata?.namespace}/${pod.metadata?.name} (${amount}, since ${pod.status?.startTime ?? "now"})`,
    );
  const shown = holders.slice(0, 5).join(", ");
  return holders.length > 5 ? `${shown} and ${holders.length - 5} more` : shown;
}

function gpuAnswer(nodes: readonly Node[], { gpus, gpuResource }: Request): CapacityAnswer | undefined {
  if (gpus === 0) return undefined;
  const capacities = nodes.map((node) => node.status?.capacity?.[gpuResource]).filter((amount) => amount !== undefined);
  if (capacities.length === 0) {
    const words = `No node offers ${gpuResource}: the device plugin (or GPU operator) is not installed, or finds no driver.`;
    return { isImpossible: true, words };
  }
  const capacity = Math.max(...capacities.map(quantity));
  const allocatable = Math.max(...nodes.map((node) => quantity(node.status?.allocatable?.[gpuResource])));
  if (gpus <= allocatable) return undefined;
  if (gpus > capacity && capacity > 0) {
    return { isImpossible: true, words: `${gpus} ${gpuResource} asked for, but the largest node has ${capacity}.` };
  }
  const words =
    capacity === 0
      ? `Nodes registered ${gpuResource} once, but offer 0 now: the device plugin has lost its registration or is not running.`
      : `${capacity - allocatable} of ${capacity} ${gpuResource} on the largest node are unhealthy; ${gpus} asked for.`;
  return { isImpossible: false, words };
}

function amountAnswer(
  nodes: readonly Node[],
  resource: "cpu" | "memory",
  asked: string | undefined,
): CapacityAnswer | undefined {
  const amounts = nodes.map((node) => node.status?.allocatable?.[resource]);
  const largest = amounts.toSorted((a, b) => quantity(b) - quantity(a))[0];
  if (asked === undefined || largest === undefined || quantity(asked) <= quantity(largest)) return undefined;
  return { isImpossible: true, words: `${asked} of ${resource} asked for, but the largest node can give ${largest}.` };
}

function requestOf(pod: Pod, resource: string): number {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  return containers.reduce((sum, container) => sum + quantity(container.resources?.limits?.[resource]), 0);
}

function isReady(node: Node): boolean {
  return node.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
}

const factors: Readonly<Record<string, number>> = {
  "": 1,
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  ...powers(1000, ["k", "M", "G", "T", "P", "E"]),
  ...powers(1024, ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]),
};

function powers(base: number, units: readonly string[]): Record<string, number> {
  return Object.fromEntries(units.map((unit, index) => [unit, base ** (index + 1)]));
}

/** https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function quantity(text: string | undefined): number {
  const match = /^([\d.]+(?:e\d+)?)([a-zA-Z]*)$/.exec(text ?? "0");
  return Number(match?.[1] ?? 0) * (factors[match?.[2] ?? ""] ?? 0);
}
