import { parseQuantity } from "./quantity.ts";
import type { Pod } from "./resource.ts";

/** How much of a resource a pod takes from its node: what it requests, else its limit. */
export function podRequest({ spec }: Pick<Pod, "spec">, resource: string): number {
  const amount = ({ resources }: NonNullable<Pod["spec"]>["containers"][number]) =>
    parseQuantity(resources?.requests?.[resource] ?? resources?.limits?.[resource]);
  const inits = spec?.initContainers ?? [];
  // Sidecars run beside the containers; other init containers run before them, one by one, and give back what they had.
  const sidecars = inits.filter(({ restartPolicy }) => restartPolicy === "Always");
  const together = [...(spec?.containers ?? []), ...sidecars].reduce((sum, container) => sum + amount(container), 0);
  return Math.max(together, ...inits.map(amount));
}

/** The resources that a pod asks for by name. */
export function requestedResources({ spec }: Pick<Pod, "spec">): readonly string[] {
  const containers = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  const names = containers.flatMap(({ resources }) => Object.keys({ ...resources?.limits, ...resources?.requests }));
  return [...new Set(names)];
}
