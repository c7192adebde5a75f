import type { V1PodSpec, V1ResourceRequirements } from "@kubernetes/client-node";
import type { Plain } from "../kubernetes/resource.ts";
import type { TestPod } from "./test-pod.ts";

type Request = Pick<TestPod, "gpus" | "gpuResource">;
type Tolerations = NonNullable<Plain<V1PodSpec>["tolerations"]>;

const claimGroup = "resource.k8s.io/";

/** Whether GPUs are asked for by a ResourceClaimTemplate, as `resource.k8s.io/NAME`, and not by the name of an extended resource. */
export function isClaimTemplate(gpuResource: string): boolean {
  return gpuResource.startsWith(claimGroup);
}

/** What the test's container asks for: an amount of a resource (whole GPUs, MIG profiles, shared ones), or claims. */
export function gpuAmounts({ gpus, gpuResource }: Request): Readonly<Record<string, string>> {
  return gpus > 0 && !isClaimTemplate(gpuResource) ? { [gpuResource]: String(gpus) } : {};
}

/** The claims of the test's container, by the names that `podClaims` gives them. */
export function containerClaims(request: Request): Pick<Plain<V1ResourceRequirements>, "claims"> {
  const claims = podClaims(request).resourceClaims?.map(({ name }) => ({ name }));
  return claims ? { claims } : {};
}

/** One claim for each GPU, made from the template for this pod alone. https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/ */
export function podClaims({ gpus, gpuResource }: Request): Pick<Plain<V1PodSpec>, "resourceClaims"> {
  if (gpus === 0 || !isClaimTemplate(gpuResource)) return {};
  const resourceClaimTemplateName = gpuResource.slice(claimGroup.length);
  return {
    resourceClaims: Array.from({ length: gpus }, (_, index) => ({ name: `gpu-${index}`, resourceClaimTemplateName })),
  };
}

/**
 * GPU nodes are commonly tainted with the name of their resource, so that only pods that ask for a GPU land there; NVIDIA's are with
 * nvidia.com/gpu, whichever of its resources or claims is asked for.
 */
export function gpuTolerations({ gpus, gpuResource }: Request): Tolerations {
  if (gpus === 0) return [];
  const isNvidia = gpuResource.startsWith("nvidia.com/") || isClaimTemplate(gpuResource);
  const keys = [...(isClaimTemplate(gpuResource) ? [] : [gpuResource]), ...(isNvidia ? ["nvidia.com/gpu"] : [])];
  return [...new Set(keys)].map((key) => ({ key, operator: "Exists", effect: "NoSchedule" }));
}
