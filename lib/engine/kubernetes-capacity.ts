import { parseQuantity } from "../kubernetes/quantity.ts";
import type { Node } from "../kubernetes/resource.ts";

/** Largest amount of a resource that one ready node that takes pods can give. */
export function largestAllocatable(nodes: readonly Node[], resource: string): number {
  const usable = nodes.filter((node) => !node.spec?.unschedulable && isReady(node));
  return Math.max(0, ...usable.map((node) => parseQuantity(node.status?.allocatable?.[resource])));
}

/** Whether the node says that it takes pods. */
export function isReady(node: Node): boolean {
  return node.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
}
