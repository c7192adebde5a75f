import { formatDuration } from "../../lib/duration.ts";
import { testIdentity } from "../../lib/engine/test-identity.ts";
import type { Host } from "../../lib/host.ts";
import type { LocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { getObject } from "../../lib/kubernetes/object.ts";
import { provePull } from "../../lib/kubernetes/pull-proof.ts";
import { nodes } from "../../lib/kubernetes/resource.ts";
import { cannotPull } from "../../lib/microk8s/pull-remedy.ts";
import { isLoopback } from "../../lib/oci/loopback.ts";
import type { Inputs } from "./inputs.ts";

type Deps = Pick<Host, "env" | "log" | "signal" | "run" | "now">;

export interface PushedImage {
  /** As the kubelet names it. */
  readonly image: string;
  readonly registry: LocalRegistry;
  /** What the push spoke. */
  readonly scheme: "http" | "https";
}

/** Lets a node of the cluster pull what was pushed; dispose it to close its connections. */
export interface PullProver extends Disposable {
  /** Throws DomainError `node-cannot-pull` with the file that is missing on the node, `pull-unproved` or `pull-pod-refused`. */
  prove(pushed: PushedImage): Promise<void>;
}

/** Connects before anything is pushed: without a cluster there is no node to ask. Throws DomainError `kubeconfig-missing`. */
export async function openPullProver(inputs: Inputs, deps: Deps): Promise<PullProver> {
  // Half of a start is spent on loading the client.
  const { connectKubernetes } = await import("../../lib/kubernetes/client.ts");
  const cluster = await connectKubernetes({ ...inputs, ...deps });
  return {
    prove: (pushed) => prove(cluster, pushed, inputs.verifyPullTimeoutMs, deps),
    [Symbol.dispose]: () => cluster.close(),
  };
}

async function prove(
  cluster: Cluster,
  { image, registry, scheme }: PushedImage,
  timeoutMs: number,
  deps: Deps,
): Promise<void> {
  const { log, signal, run, now } = deps;
  const { labels, annotations } = testIdentity(run, new Date(now().getTime() + timeoutMs + 60_000));
  log.info(`A node pulls ${image}, within ${formatDuration(timeoutMs)} at the most.`);
  const begunAt = now().getTime();
  const { node: nodeName, failure } = await provePull(cluster, { image, labels, annotations, timeoutMs, signal });
  if (failure === undefined) {
    log.info(`Node ${nodeName} pulled it: ${formatDuration(now().getTime() - begunAt)}.`);
    return;
  }
  const node = await getObject(cluster, nodes, nodeName, { signal, timeoutMs: 10_000 }).catch(() => undefined);
  signal.throwIfAborted();
  const trusted = { name: registry.pull, address: addressFor(registry), scheme };
  throw cannotPull({ registry: trusted, image, nodeName, node, said: failure });
}

/** Where nodes reach the registry when its name alone does not lead them there: a NodePort is open on each of them. */
function addressFor({ push, pull }: LocalRegistry): string {
  const isNodePort = /:3[0-2]\d{3}$/.test(push);
  return isLoopback(push) && !isNodePort ? pull : push;
}
