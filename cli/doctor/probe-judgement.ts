import { describePodTrouble } from "../../lib/kubernetes/pod-trouble.ts";
import type { Pod } from "../../lib/kubernetes/resource.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { noToolExitCode } from "./probe-pod.ts";

export const kubeletSubject: Subject = { group: "registry", topic: "from the kubelet" };
const podSubject: Subject = { group: "registry", topic: "from a pod" };

const pullFailures = /^(ErrImagePull|ImagePullBackOff|InvalidImageName|ImageInspectError|RegistryUnavailable)$/;

/** What the texts of a failed pull mean, the first that fits. */
const pullCauses = [
  [
    /server gave HTTP response to HTTPS client/,
    "containerd expects HTTPS of it",
    'Give its containerd certs.d/HOST:PORT/hosts.toml with [host."http://HOST:PORT"], scheme included; setup-microk8s writes it.',
  ],
  [
    /401|403|[Uu]nauthorized|denied/,
    "it asks the kubelet for a login",
    "Give the namespace's default account an imagePullSecret.",
  ],
  [
    /not found|manifest unknown/,
    "it does not have this image",
    "Push it again, or name one that is there by --probe-image.",
  ],
  [
    /connection refused|no such host|timeout|unreachable|dial tcp/,
    "the node does not reach it by this name",
    "Use a name that each node knows: localhost is the node's own registry or NodePort.",
  ],
] as const;

/** Whether the pod has told all that it can tell. */
export function isDecided({ status }: Pod): boolean {
  const [container] = status?.containerStatuses ?? [];
  if (status?.phase === "Succeeded" || status?.phase === "Failed") return true;
  return container?.state?.terminated !== undefined || pullFailures.test(container?.state?.waiting?.reason ?? "");
}

/** What a probe's end says about the kubelet, which pulled its image, and about pods, which talk to the registry themselves. */
export function judgeProbe(
  pod: Pod,
  { image, inCluster }: { readonly image: string; readonly inCluster: string | undefined },
): readonly Finding[] {
  const [container] = pod.status?.containerStatuses ?? [];
  const { waiting, terminated } = container?.state ?? {};
  if (pullFailures.test(waiting?.reason ?? "")) return [pullFinding(image, waiting?.message ?? waiting?.reason ?? "")];
  const node = pod.spec?.nodeName ?? "a node";
  if (terminated === undefined) {
    const found = describePodTrouble(pod) ?? `${pod.metadata?.name} has not ended in time`;
    const remedy = "Look at the node and the namespace's quota: kubectl get events; or try again.";
    return [problem(kubeletSubject, "limited", { code: "probe-not-started", found, remedy })];
  }
  const pulled = ok(kubeletSubject, `${node} pulled ${image}`);
  if (inCluster === undefined) {
    return [
      pulled,
      problem(podSubject, "absent", {
        code: "in-cluster-name-unknown",
        found: "the cluster does not say by which name pods reach the registry",
        remedy: "Set hostFromClusterNetwork in ConfigMap kube-public/local-registry-hosting (KEP-1755).",
      }),
    ];
  }
  return [pulled, podFinding(terminated, image, inCluster)];
}

function pullFinding(image: string, said: string): Finding {
  const [, cause, remedy] = pullCauses.find(([pattern]) => pattern.test(said)) ?? [];
  return problem(kubeletSubject, "missing", {
    code: "kubelet-cannot-pull",
    found: `${image}: ${said}`,
    cause: cause ?? "the kubelet cannot pull it",
    remedy: remedy ?? "Try it on the node: crictl pull.",
  });
}

interface Ended {
  readonly exitCode: number;
  readonly reason?: string;
  readonly message?: string;
}

function podFinding({ exitCode, reason = "", message = "" }: Ended, image: string, inCluster: string): Finding {
  if (exitCode === 0) return ok(podSubject, `${inCluster} answers`);
  if (exitCode === noToolExitCode || /StartError|ContainerCannotRun/.test(reason)) {
    return problem(podSubject, "absent", {
      code: "probe-without-tool",
      found: `${image} has no shell with curl, wget, python3 or bash to ask with`,
      remedy: "Name an image that has one by --probe-image.",
    });
  }
  return problem(podSubject, "limited", {
    code: "pod-cannot-reach-registry",
    found: `${inCluster}: ${message.trim().split("\n").at(-1) || reason || `exit code ${exitCode}`}`,
    cause: "builds inside of the cluster cannot push there",
    remedy: "Check the cluster's DNS, the registry's Service, and NetworkPolicies of this namespace.",
  });
}
