// One half of goal P26, as a process of its own: node test/bench/job-fleet-run.ts with|without NAMESPACE JOBS
// `with` starts and follows Jobs as run-k8s-gpu-test does, all by one engine; `without` only creates the same Jobs and counts their ends.
import pLimit from "p-limit";
import { kubernetesEngine } from "../../lib/engine/kubernetes-engine.ts";
import { testJob } from "../../lib/engine/kubernetes-job.ts";
import type { TestPod } from "../../lib/engine/test-pod.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { createObject } from "../../lib/kubernetes/object.ts";
import { jobs, type Pod, pods } from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { silentLog } from "../../lib/log.ts";
import { testPodOf } from "../support/test-pod.ts";
import { fleetNodes } from "./job-fleet.ts";

const [mode, namespace = "", count = "1000"] = process.argv.slice(2);
const { env } = process;
const cluster = await connectKubernetes({
  kubeconfig: undefined,
  context: undefined,
  namespace,
  env,
  log: silentLog,
});
const tests = Array.from({ length: Number(count) }, (_, index) => fleetPod(index));
const startedAt = performance.now();
const passed = mode === "with" ? await runAll(cluster, tests) : await createAll(cluster, tests);
const seconds = (performance.now() - startedAt) / 1000;
const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
const cores = (userCPUTime + systemCPUTime) / 1e6 / seconds;
console.log(JSON.stringify({ passed, seconds, cores, peakMb: (maxRSS * 1024) / 1e6 }));
process.exit();

async function runAll(cluster: Cluster, tests: readonly TestPod[]): Promise<number> {
  const { signal } = new AbortController();
  const engine = kubernetesEngine(cluster, { log: silentLog, signal, now: () => new Date(), env });
  const limit = pLimit(20);
  const ends = tests.map(async (test) => {
    const { shards } = await limit(() => engine.start(test));
    return shards[0]?.ended();
  });
  return (await Promise.all(ends)).filter((end) => end?.exitCode === 0).length;
}

async function createAll(cluster: Cluster, tests: readonly TestPod[]): Promise<number> {
  const limit = pLimit(20);
  const created = Promise.all(tests.map((test) => limit(() => createObject(cluster, jobs, testJob(test)))));
  const ended = new Set<string>();
  const stop = new AbortController();
  for await (const { object } of watchObjects<Pod>(cluster, pods, { signal: stop.signal })) {
    const { state } = object.status?.containerStatuses?.[0] ?? {};
    if (state?.terminated?.exitCode === 0) ended.add(object.metadata?.name ?? "");
    if (ended.size === tests.length) break;
  }
  await created;
  return ended.size;
}

function fleetPod(index: number): TestPod {
  const run = `fleet-${index}`;
  const base = testPodOf();
  const { label, taint } = fleetNodes;
  return {
    ...base,
    name: `gpu-ci-${run}`,
    labels: { ...base.labels, "gpu-ci/run": run },
    pendingTimeoutMs: 3_600_000,
    wrap: false,
    placement: {
      ...base.placement,
      nodeSelector: { [label]: "true" },
      tolerations: [{ key: taint, value: undefined, effect: "NoSchedule" }],
    },
  };
}
