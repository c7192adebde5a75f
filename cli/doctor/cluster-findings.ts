import { type Cluster, connectKubernetes, findKubeconfig } from "../../lib/kubernetes/client.ts";
import { silentLog } from "../../lib/log.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { firstLines } from "./first-lines.ts";

/** Where a cluster is looked for. */
export interface ClusterPlace {
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  readonly namespace: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

const configSubject: Subject = { group: "cluster", topic: "kubeconfig" };
const apiSubject: Subject = { group: "cluster", topic: "Kubernetes API" };

/** The cluster that runs tests: its configuration and its API. No cluster is fine: podman does it then. The cluster is given when it answers. */
export async function clusterFindings(
  place: ClusterPlace,
  lookMs: number,
): Promise<{ readonly findings: readonly Finding[]; readonly cluster: Cluster | undefined }> {
  const source = findKubeconfig(place);
  if (source === undefined) {
    const absent = problem(configSubject, "absent", {
      code: "kubeconfig-missing",
      found: "no cluster is configured",
      remedy: "Set KUBECONFIG to use a cluster; without one podman or docker runs the tests.",
    });
    return { findings: [absent], cluster: undefined };
  }
  const config = ok(configSubject, source);
  try {
    const cluster = await connectKubernetes({ ...place, log: silentLog, awayBudgetMs: lookMs });
    const request = { method: "GET", path: "/version", timeoutMs: lookMs } as const;
    const { gitVersion } = await cluster.request<{ gitVersion: string }>(request);
    return { findings: [config, ok(apiSubject, `${gitVersion} at ${cluster.server}`)], cluster };
  } catch (error) {
    const [found, hint] = firstLines(error);
    const remedy = hint ?? "Start the cluster, or unset KUBECONFIG to use podman.";
    return {
      findings: [config, problem(apiSubject, "missing", { code: "api-failed", found, remedy })],
      cluster: undefined,
    };
  }
}
