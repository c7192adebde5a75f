import { randomBytes } from "node:crypto";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { findKubeconfigSource } from "../../lib/kubernetes/kubeconfig.ts";
import { createObject, deleteObject } from "../../lib/kubernetes/object.ts";
import { namespaces, type Pod, pods } from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { silentLog } from "../../lib/log.ts";
import { pushBusyboxImage } from "./busybox-image.ts";

/** The cluster and registry that KUBECONFIG and REGISTRY name, and a namespace of its own for one test file. */
export interface RealCluster extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly namespace: string;
  /** Where the API server listens. */
  readonly api: { readonly host: string; readonly port: number };
  /** Connects with some fields of the kubeconfig's cluster, or with another user. */
  connect(change?: { cluster?: object; user?: object }): Promise<Cluster>;
  /** Starts a busybox pod that runs a shell script. */
  startPod(name: string, script: string): Promise<void>;
  waitForPod(name: string, isReached: (pod: Pod) => boolean): Promise<void>;
}

/** Throws when the environment names no cluster: these tests are not skipped. */
export async function openRealCluster(prefix: string): Promise<RealCluster> {
  const { KUBECONFIG, REGISTRY } = process.env;
  if (!KUBECONFIG || !REGISTRY)
    throw new Error("Set KUBECONFIG and REGISTRY to a cluster and its registry: these tests run on real ones.");
  const namespace = `${prefix}-${randomBytes(3).toString("hex")}`;
  const connect = (change: { cluster?: object; user?: object } = {}) => connectChanged(namespace, change);
  const cluster = await connect();
  const { hostname, port } = new URL(cluster.server);
  const image = await pushBusyboxImage({ registry: REGISTRY, repository: "transport/busybox" });
  await createObject(cluster, namespaces, { metadata: { name: namespace } });
  return {
    cluster,
    namespace,
    api: { host: hostname, port: Number(port || 443) },
    connect,
    async startPod(name, script) {
      const container = { name: "main", image, command: ["/bin/sh", "-c", script] };
      const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 0, containers: [container] };
      await createObject(cluster, pods, { metadata: { name }, spec });
    },
    async waitForPod(name, isReached) {
      const signal = AbortSignal.timeout(60_000);
      for await (const { object } of watchObjects(cluster, pods, { fieldSelector: `metadata.name=${name}`, signal })) {
        if (isReached(object)) return;
      }
    },
    async [Symbol.asyncDispose]() {
      await deleteObject(cluster, namespaces, namespace);
      cluster.close();
    },
  };
}

async function connectChanged(namespace: string, change: { cluster?: object; user?: object }): Promise<Cluster> {
  const { env } = process;
  const document = findKubeconfigSource({ env })?.read();
  const current = document?.contexts.find(({ name }) => name === document["current-context"]);
  const { cluster, user } = Object(current?.context);
  const kubeconfig = JSON.stringify({
    ...document,
    clusters: document?.clusters.map((entry) =>
      entry.name === cluster ? { name: cluster, cluster: { ...Object(entry.cluster), ...change.cluster } } : entry,
    ),
    users: document?.users.map((entry) =>
      entry.name === user ? { name: user, user: change.user ?? entry.user } : entry,
    ),
  });
  return await connectKubernetes({ kubeconfig, context: undefined, namespace, env, log: silentLog });
}
