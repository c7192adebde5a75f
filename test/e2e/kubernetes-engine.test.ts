import { beforeAll, describe, expect, it } from "vitest";
import { kubernetesEngine } from "../../lib/engine/kubernetes-engine.ts";
import type { TestPod } from "../../lib/engine/test-pod.ts";
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
    download: (request, protocol) => {
      note(request);
      return cluster.download(request, protocol);
    },
    upgrade: (request, protocols) => {
      note(request);
      return cluster.upgrade(request, protocols);
    },
    close: () => {},
  };
  return { cluster: wrapped, calls };
}

/** The same cluster, whose watches tell of a container's end only when its pod is gone: as a node would that does not say it. */
function withoutEnds(cluster: Cluster): Cluster {
  return {
    ...cluster,
    stream: async (request) => {
      const response = await cluster.stream(request);
      if (!request.query?.watch) return response;
      const chunks = response[Symbol.asyncIterator].bind(response);
      response[Symbol.asyncIterator] = async function* () {
        let rest = "";
        for await (const chunk of chunks()) {
          const lines = `${rest}${chunk}`.split("\n");
          rest = lines.pop() ?? "";
          const told = lines.filter((line) => !line.includes('"terminated":{') || line.includes('"type":"DELETED"'));
          if (told.length > 0) yield Buffer.from(`${told.join("\n")}\n`);
        }
        return undefined;
      };
      return response;
    },
    close: () => {},
  };
}

/** Runs a shell command to its verdict. */
async function verdictOn(cluster: Cluster, pod: Partial<TestPod> & { readonly name: string }) {
  const signal = AbortSignal.timeout(60_000);
  const engine = kubernetesEngine(cluster, { log: silentLog, signal, now: () => new Date() });
  const running = await engine.start(testPodOf({ image, ...pod }));
  const [shard] = running.shards;
  if (!shard) throw new Error("no shard");
  const chunks: Uint8Array[] = [];
  const read = async () => {
    for await (const bytes of shard.log()) chunks.push(new Uint8Array(bytes));
  };
  try {
    const [{ reason, exitCode }] = await Promise.all([shard.ended(), read()]);
    return { reason, exitCode, log: Buffer.concat(chunks).toString(), gap: shard.logGap() };
  } finally {
    await running.remove();
  }
}

const sh = (script: string) => ["sh", "-c", script];

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

  it.each([
    ["passes", "echo out; echo err >&2; printf open", 0, "passed", "out\nerr\nopen"],
    ["fails", "seq 200000; echo bad >&2; exit 3", 3, "test-failed", undefined],
    ["leaves a process behind", "sleep 60 & echo left", 0, "passed", "left\n"],
  ])(
    "knows from the log's trailer that a test %s when the node has not said it",
    async (what, script, exitCode, reason, log) => {
      const name = `trailer-${what.split(" ")[0]}`;
      const verdict = await verdictOn(withoutEnds(real.cluster), { name, command: sh(`sleep 2; ${script}`) });
      const numbers = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join("");
      expect([verdict.reason, verdict.exitCode, verdict.gap]).toEqual([reason, exitCode, undefined]);
      // Which of the two outputs is written first, the runtime decides.
      const lines = (text: string) => text.split("\n").toSorted();
      expect(lines(verdict.log)).toEqual(lines(log ?? `${numbers}bad\n`));
    },
  );

  it.each([
    ["is out of memory and ends well", { command: sh("tail /dev/zero; exit 0"), memory: "32Mi" }, "out-of-memory", 0],
    ["is killed", { command: sh("kill -9 $$") }, "test-failed", 137],
    ["runs bare", { command: sh("echo bare; exit 4"), wrap: false }, "test-failed", 4],
  ])("waits for the node's word on a test that %s", async (what, pod, reason, exitCode) => {
    const name = `node-${what.split(" ")[1]}`;
    const verdict = await verdictOn(real.cluster, { name, ...pod });
    expect([verdict.reason, verdict.exitCode, verdict.log.includes("gpu-ci-end")]).toEqual([reason, exitCode, false]);
  });
});
