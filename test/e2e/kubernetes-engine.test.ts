import { beforeAll, describe, expect, it } from "vitest";
import { kubernetesEngine } from "../../lib/engine/kubernetes-engine.ts";
import type { ApiRequest } from "../../lib/kubernetes/api-request.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { silentLog } from "../../lib/log.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { testPodOf } from "../support/test-pod.ts";

let real: RealCluster;
let image: string;
beforeAll(async () => {
  real = await openRealCluster("gpu-engine");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "gpu-test/busybox" });
  return () => real[Symbol.asyncDispose]();
});

/** The same cluster, with every call written down; the sweep of old leftovers is not the run's own. */
function recorded(cluster: Cluster): { cluster: Cluster; calls: string[] } {
  const calls: string[] = [];
  const note = ({ method, path, query }: ApiRequest) => {
    if (query?.labelSelector === "app.kubernetes.io/managed-by=gpu-ci") return;
    calls.push(`${method} ${path.split(`/namespaces/${cluster.namespace}/`)[1]}${query?.watch ? " watch" : ""}`);
  };
  const wrapped: Cluster = {
    namespace: cluster.namespace,
    server: cluster.server,
    log: cluster.log,
    awayBudgetMs: cluster.awayBudgetMs,
    outage: cluster.outage,
    request: (request) => {
      note(request);
      return cluster.request(request);
    },
    stream: (request) => {
      note(request);
      return cluster.stream(request);
    },
    upgrade: (request, protocols) => {
      note(request);
      return cluster.upgrade(request, protocols);
    },
    close: () => {},
  };
  return { cluster: wrapped, calls };
}

describe("kubernetesEngine", () => {
  it("needs five requests for a plain test: its Job, one watch, the log, its proof, and the end", async () => {
    const { cluster, calls } = recorded(real.cluster);
    const signal = new AbortController().signal;
    const engine = kubernetesEngine(cluster, { log: silentLog, signal, now: () => new Date() });
    const running = await engine.start(testPodOf({ name: "plain", image, command: ["sh", "-c", "echo hi; sleep 2"] }));
    const [shard] = running.shards;
    if (!shard) throw new Error("no shard");
    const chunks: Uint8Array[] = [];
    const read = async () => {
      for await (const bytes of shard.log()) chunks.push(bytes);
    };
    const [termination] = await Promise.all([shard.ended(), read()]);
    await running.remove();
    expect([termination.reason, Buffer.concat(chunks).toString(), shard.logGap()]).toEqual([
      "passed",
      "hi\n",
      undefined,
    ]);
    expect(calls.map((call) => call.replaceAll(shard.podName() ?? "", "POD")).toSorted()).toEqual(
      ["POST jobs", "GET pods watch", "GET pods/POD/log", "GET pods/POD/log", "DELETE jobs/plain"].toSorted(),
    );
  });
});
