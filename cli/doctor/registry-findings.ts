import { networkInterfaces } from "node:os";
import { findLocalRegistry, type LocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { defaultRegistry } from "../../lib/kubernetes/local-registry.ts";
import { silentLog } from "../../lib/log.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import type { Examination } from "./examination.ts";
import { exposureFindings, reachableAddresses } from "./exposure-findings.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { firstLines } from "./first-lines.ts";

const subject: Subject = { group: "registry", topic: "registry" };

/** The registry that images are pushed to: the one given, else the cluster's own, else the one microk8s and ours listen at. */
export async function registryFindings(
  cluster: Cluster | undefined,
  wanted: string | undefined,
  { env }: Pick<Examination, "env">,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { push, isHosted } = await nameRegistry(cluster, wanted, signal);
  const [reach, exposure] = await Promise.all([
    reachFinding(push, isHosted, env, signal),
    exposureFindings(push, reachableAddresses(networkInterfaces()), signal),
  ]);
  return [reach, ...exposure];
}

/** The names of the registry that a run would use; `isHosted` when the cluster gave them. */
export async function nameRegistry(
  cluster: Cluster | undefined,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<LocalRegistry & { readonly isHosted: boolean }> {
  const hosted = cluster && (await findLocalRegistry(cluster, signal).catch(() => undefined));
  if (hosted && (wanted === undefined || wanted === hosted.push)) return { ...hosted, isHosted: true };
  const push = wanted ?? defaultRegistry;
  return { push, pull: push, inCluster: undefined, isHosted: false };
}

async function reachFinding(registry: string, isHosted: boolean, env: NodeJS.ProcessEnv, signal: AbortSignal) {
  const remedy = "microk8s enable registry; or apt-get install -y docker-registry and give its address by --registry.";
  const retry = { attempts: 1, baseMs: 100, maxMs: 100 };
  using client = openRegistry({ registry, env, log: silentLog, retry, signal });
  try {
    const answer = await client.ping();
    if (answer === "ok") return ok(subject, `${registry} answers${isHosted ? ", named by the cluster" : ""}`);
    if (answer === "absent") {
      return problem(subject, "missing", {
        code: "registry-absent",
        found: `what answers at ${registry} is no registry`,
        remedy,
      });
    }
    return problem(subject, "missing", {
      code: "registry-unauthorized",
      found: `${registry} asks for a login`,
      remedy: `podman login ${registry}, or docker login ${registry}`,
    });
  } catch (error) {
    const [found] = firstLines(error);
    return problem(subject, "missing", { code: "registry-unreachable", found, remedy });
  }
}
