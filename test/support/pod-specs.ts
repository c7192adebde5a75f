import type { V1Container, V1PodSpec } from "@kubernetes/client-node";
import type { Manifest } from "./runner-chart.ts";

/** The pod that an object makes, by the object's kind and name. */
export interface NamedPodSpec {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: V1PodSpec;
}

/** The pods of Pods, Deployments, DaemonSets, Jobs and CronJobs among the objects. */
export function podSpecsOf(manifests: readonly Manifest[]): readonly NamedPodSpec[] {
  return manifests.flatMap(({ kind, metadata, spec }) => {
    const holder: { template?: unknown; jobTemplate?: { spec: { template: unknown } } } = Object(spec);
    const pod: unknown = kind === "Pod" ? { metadata, spec } : (holder.template ?? holder.jobTemplate?.spec.template);
    if (!pod) return [];
    const { metadata: own, spec: podSpec } = pod as { metadata?: { labels?: Record<string, string> }; spec: V1PodSpec };
    return [{ name: `${kind} ${metadata.name}`, labels: own?.labels ?? {}, spec: podSpec }];
  });
}

/** What Pod Security "restricted" has against a pod (https://kubernetes.io/docs/concepts/security/pod-security-standards/); empty when it passes. */
export function restrictedViolations({ spec }: NamedPodSpec): readonly string[] {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const forbidden = (spec.volumes ?? []).filter((volume) => volume.hostPath !== undefined);
  const rules: readonly (readonly [boolean, string])[] = [
    [Boolean(spec.hostNetwork ?? spec.hostPID ?? spec.hostIPC), "host namespaces"],
    [forbidden.length > 0, "hostPath"],
    [containers.some((container) => mayBeRoot(container, spec)), "runAsNonRoot"],
    [spec.securityContext?.seccompProfile?.type !== "RuntimeDefault", "seccompProfile"],
    [(spec.securityContext?.appArmorProfile?.type ?? "RuntimeDefault") !== "RuntimeDefault", "appArmorProfile"],
    [containers.some((container) => container.securityContext?.privileged), "privileged"],
    [containers.some((container) => !dropsAll(container)), "capabilities"],
    [
      containers.some((container) => container.securityContext?.allowPrivilegeEscalation !== false),
      "allowPrivilegeEscalation",
    ],
    [containers.some((container) => container.ports?.some(({ hostPort }) => hostPort)), "hostPort"],
  ];
  return rules.filter(([isBroken]) => isBroken).map(([, rule]) => rule);
}

/** A container's own word counts before its pod's. */
function mayBeRoot({ securityContext }: V1Container, pod: V1PodSpec): boolean {
  return (securityContext?.runAsNonRoot ?? pod.securityContext?.runAsNonRoot) !== true;
}

function dropsAll({ securityContext }: V1Container): boolean {
  return securityContext?.capabilities?.drop?.includes("ALL") === true && !securityContext.capabilities.add?.length;
}
