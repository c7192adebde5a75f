import { describeError } from "../../lib/error.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { findLocalRegistry } from "../../lib/kubernetes/local-registry.ts";
import { silentLog } from "../../lib/log.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import { type Finding, ok, problem } from "./finding.ts";

const fallback = "localhost:32000";

/** The registry that images are pushed to: the cluster's own, else the one microk8s and ours listen at. */
export async function registryFinding(
  cluster: Cluster | undefined,
  wanted: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Finding> {
  const hosted = cluster && wanted === undefined ? await findLocalRegistry(cluster).catch(() => undefined) : undefined;
  const registry = wanted ?? hosted?.push ?? fallback;
  const topic = "registry";
  const remedy = "microk8s enable registry; or apt-get install -y docker-registry and give its address by --registry.";
  using client = openRegistry({ registry, env, log: silentLog, retry: { attempts: 1, baseMs: 100, maxMs: 100 } });
  try {
    const answer = await client.ping();
    if (answer === "ok") return ok(topic, `${registry} answers${hosted ? ", named by the cluster" : ""}`);
    if (answer === "absent") return problem("missing", topic, `what answers at ${registry} is no registry`, remedy);
    return problem(
      "missing",
      topic,
      `${registry} asks for a login`,
      `podman login ${registry}, or docker login ${registry}`,
    );
  } catch (error) {
    const [found = ""] = describeError(error).split("\n");
    return problem("missing", topic, found, remedy);
  }
}
