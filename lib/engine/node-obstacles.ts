import { podRequest, requestedResources } from "../kubernetes/pod-request.ts";
import { parseQuantity } from "../kubernetes/quantity.ts";
import type { Node, Pod } from "../kubernetes/resource.ts";
import { formatSize } from "../size.ts";
import { isReady } from "./kubernetes-capacity.ts";

/** Why a node does not take a pod. */
export interface Obstacle {
  /** Whether it stays as long as node and pod are what they are; else it is a matter of waiting. */
  readonly isPermanent: boolean;
  readonly about: "selector" | "taint" | "state" | "resource";
  /** What follows the node's name in a sentence. */
  readonly words: string;
}

/** Everything that keeps a pod from a node; `neighbours` are all pods. What only affinity asks for is left to the scheduler's own words. */
export function obstaclesOf(node: Node, pod: Pod, neighbours: readonly Pod[]): readonly Obstacle[] {
  return [
    ...selectorObstacles(node, pod),
    ...taintObstacles(node, pod),
    ...stateObstacles(node),
    ...requestedResources(pod).flatMap((resource) => resourceObstacles(node, pod, resource, neighbours)),
  ];
}

function selectorObstacles({ metadata }: Node, { spec }: Pod): Obstacle[] {
  const missing = Object.entries(spec?.nodeSelector ?? {}).filter(([key, value]) => metadata?.labels?.[key] !== value);
  if (missing.length === 0) return [];
  const labels = missing.map(([key, value]) => `${key}=${value}`).join(", ");
  return [{ isPermanent: true, about: "selector", words: `has not the label ${labels}` }];
}

/** Taints of the cluster itself tell a node's state, and go with it. */
function taintObstacles(node: Node, { spec }: Pod): Obstacle[] {
  const own = (node.spec?.taints ?? []).filter(({ key }) => !key.startsWith("node.kubernetes.io/"));
  return own
    .filter(({ effect }) => effect === "NoSchedule" || effect === "NoExecute")
    .filter((taint) => !spec?.tolerations?.some((toleration) => tolerates(toleration, taint)))
    .map(({ key, value, effect }) => ({
      isPermanent: true,
      about: "taint",
      words: `has the taint ${key}${value ? `=${value}` : ""}:${effect}, which is not tolerated`,
    }));
}

interface Taint {
  readonly key?: string;
  readonly value?: string;
  readonly effect?: string;
}

function tolerates(toleration: Taint & { readonly operator?: string }, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (!toleration.key) return toleration.operator === "Exists";
  if (toleration.key !== taint.key) return false;
  return toleration.operator === "Exists" || (toleration.value ?? "") === (taint.value ?? "");
}

function stateObstacles(node: Node): Obstacle[] {
  const pressures = (node.status?.conditions ?? [])
    .filter(({ type, status }) => type.endsWith("Pressure") && status === "True")
    .map(({ type, message }) => `has ${type}${message ? ` (${message})` : ""}`);
  const words = [
    ...(isReady(node) ? [] : ["is not ready"]),
    ...(node.spec?.unschedulable ? ["is cordoned"] : []),
    ...pressures,
  ];
  return words.map((text) => ({ isPermanent: false, about: "state", words: text }));
}

function resourceObstacles(node: Node, pod: Pod, resource: string, neighbours: readonly Pod[]): Obstacle[] {
  const asked = podRequest(pod, resource);
  const allocatable = parseQuantity(node.status?.allocatable?.[resource]);
  // Extended resources are devices: one that is unhealthy counts in the capacity still.
  const total = resource.includes("/") ? parseQuantity(node.status?.capacity?.[resource]) : allocatable;
  const amount = (count: number) => amountOf(count, resource);
  if (asked > total) {
    const words = `has ${amount(total)} of ${resource}, ${amount(asked)} asked for`;
    return [{ isPermanent: true, about: "resource", words }];
  }
  const bound = neighbours.filter(({ spec, status }) => {
    return spec?.nodeName === node.metadata?.name && !/^(Succeeded|Failed)$/.test(status?.phase ?? "");
  });
  const free = allocatable - bound.reduce((sum, neighbour) => sum + podRequest(neighbour, resource), 0);
  // Sums of parts such as 0.1 are no exact numbers.
  if (asked - free < 1e-6) return [];
  const unhealthy = total > allocatable ? `, ${amount(total - allocatable)} unhealthy` : "";
  const words = `has ${amount(Math.max(0, free))} of ${amount(total)} ${resource} free${unhealthy}, ${amount(asked)} asked for`;
  return [{ isPermanent: false, about: "resource", words }];
}

function amountOf(count: number, resource: string): string {
  if (/memory|storage|hugepages/.test(resource)) return formatSize(Math.round(count));
  return String(Math.round(count * 1000) / 1000);
}
