import type { V1OwnerReference } from "@kubernetes/client-node";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { listObjects } from "../kubernetes/object.ts";
import { type Plain, pods } from "../kubernetes/resource.ts";

/**
 * The pod that this process runs in, as an owner of the Job: a runner's pod that goes takes its test with it. Undefined outside of a cluster,
 * where the pod is in another namespace (owners cannot be), and where it may not be looked up.
 */
export async function findRunnerOwner(
  cluster: Cluster,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<Plain<V1OwnerReference> | undefined> {
  const name = env.GPU_CI_RUNNER_POD || (env.KUBERNETES_SERVICE_HOST && env.HOSTNAME);
  if (!name) return undefined;
  try {
    const { items } = await listObjects(cluster, pods, { fieldSelector: `metadata.name=${name}`, signal });
    const uid = items[0]?.metadata?.uid;
    return uid === undefined ? undefined : { apiVersion: "v1", kind: "Pod", name, uid };
  } catch (error) {
    if (isStatus(error, 403)) return undefined;
    throw error;
  }
}
