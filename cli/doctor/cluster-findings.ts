import { describeError } from "../../lib/error.ts";
import { type Cluster, connectKubernetes, findKubeconfig } from "../../lib/kubernetes/client.ts";
import { createObject, listObjects } from "../../lib/kubernetes/object.ts";
import { nodes, selfSubjectAccessReviews } from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";
import { type Finding, ok, problem } from "./finding.ts";

const timeoutMs = 10_000;

/** What a run needs to be allowed in its namespace. */
const needed = [
  ["batch", "jobs", "create"],
  ["batch", "jobs", "delete"],
  ["", "pods", "watch"],
  ["", "pods/log", "get"],
  ["", "pods/exec", "create"],
  ["", "secrets", "create"],
  ["", "events", "list"],
] as const;

/** Where a cluster is looked for. */
export interface ClusterPlace {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** The cluster that runs tests: its configuration, its API, our rights there, and its GPUs. No cluster is fine: podman does it then. */
export async function clusterFindings(
  place: ClusterPlace,
): Promise<{ readonly findings: readonly Finding[]; readonly cluster: Cluster | undefined }> {
  const source = findKubeconfig(place);
  if (source === undefined) {
    const remedy = "Set KUBECONFIG to use a cluster; without one podman or docker runs the tests.";
    return { findings: [problem("absent", "kubeconfig", "no cluster is configured", remedy)], cluster: undefined };
  }
  try {
    const cluster = await connectKubernetes({
      ...place,
      namespace: undefined,
      log: silentLog,
      awayBudgetMs: timeoutMs,
    });
    const { version, rights } = await ask(cluster);
    const api = ok("Kubernetes API", `${version} at ${cluster.server}`);
    return { findings: [ok("kubeconfig", source), api, rights, await gpuFinding(cluster)], cluster };
  } catch (error) {
    const [found = "", remedy = "Start the cluster, or unset KUBECONFIG to use podman."] =
      describeError(error).split("\n");
    return {
      findings: [ok("kubeconfig", source), problem("missing", "Kubernetes API", found, remedy)],
      cluster: undefined,
    };
  }
}

async function ask(cluster: Cluster): Promise<{ version: string; rights: Finding }> {
  const { gitVersion } = await cluster.request<{ gitVersion: string }>({ method: "GET", path: "/version", timeoutMs });
  const denied: string[] = [];
  for (const [group, plural, verb] of needed) {
    const [resource = "", subresource = ""] = plural.split("/");
    const resourceAttributes = { group, resource, subresource, verb, namespace: cluster.namespace };
    const review = await createObject(
      cluster,
      selfSubjectAccessReviews,
      { spec: { resourceAttributes } },
      { timeoutMs },
    );
    if (review.status?.allowed !== true) denied.push(`${verb} ${plural}`);
  }
  const where = `in namespace ${cluster.namespace}`;
  const rights =
    denied.length === 0
      ? ok("rights", `all that a run needs ${where}`)
      : problem(
          "missing",
          "rights",
          `not allowed ${where}: ${denied.join(", ")}`,
          "Bind a Role that allows these to the account: kubectl create role, kubectl create rolebinding.",
        );
  return { version: gitVersion, rights };
}

async function gpuFinding(cluster: Cluster): Promise<Finding> {
  const topic = "GPUs";
  try {
    const { items } = await listObjects(cluster, nodes, { timeoutMs });
    const counts = items.map((node) => Number(node.status?.allocatable?.["nvidia.com/gpu"] ?? 0));
    const sum = counts.reduce((all, count) => all + count, 0);
    const found = `${sum} allocatable nvidia.com/gpu on ${items.length} ${items.length === 1 ? "node" : "nodes"}`;
    if (sum > 0) return ok(topic, found);
    return problem(
      "limited",
      topic,
      found,
      "Install the NVIDIA device plugin (microk8s enable nvidia); until then GPU cases are skipped.",
    );
  } catch (error) {
    const [found = ""] = describeError(error).split("\n");
    return problem(
      "limited",
      topic,
      found,
      "Bind a ClusterRole that may get, list and watch nodes and pods: it explains what a test waits for.",
    );
  }
}
