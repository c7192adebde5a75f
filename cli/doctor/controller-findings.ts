import type { Cluster } from "../../lib/kubernetes/client.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { describePodTrouble } from "../../lib/kubernetes/pod-trouble.ts";
import { type Deployment, deployments, pods } from "../../lib/kubernetes/resource.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "runners", topic: "controller" };
const labelSelector = "app.kubernetes.io/part-of=gpu-ci,app.kubernetes.io/component=controller";

/** Whether `gpu-ci runners controller` runs where our chart is installed: without it no runner is replaced and nothing is drained. */
export async function controllerFindings(cluster: Cluster, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    const { items } = await listObjects(cluster, deployments, { allNamespaces: true, signal });
    const own = items.filter(({ spec }) => hasOurLabels(spec?.template.metadata?.labels));
    return await Promise.all(own.map((controller) => controllerFinding(cluster, controller, signal)));
  } catch (error) {
    if (isStatus(error, 403)) return [];
    throw error;
  }
}

async function controllerFinding(cluster: Cluster, { metadata, status }: Deployment, signal: AbortSignal) {
  const { namespace = "", name = "" } = metadata ?? {};
  if ((status?.availableReplicas ?? 0) > 0) return ok(subject, `${namespace}/${name} runs`);
  const { items } = await listObjects(cluster, pods, { namespace, labelSelector, signal });
  const troubles = items.flatMap((pod) => describePodTrouble(pod) ?? []);
  return problem(subject, "limited", {
    code: "controller-not-ready",
    found: `${namespace}/${name} has no pod that is ready${troubles.length > 0 ? `: ${troubles[0]}` : ""}`,
    cause: "runners that end are not replaced, and the drain switch does nothing",
    remedy: `kubectl logs deployment/${name} --namespace=${namespace}`,
  });
}

function hasOurLabels(labels: Readonly<Record<string, string>> = {}): boolean {
  return labels["app.kubernetes.io/part-of"] === "gpu-ci" && labels["app.kubernetes.io/component"] === "controller";
}
