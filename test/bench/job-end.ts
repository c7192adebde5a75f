import pLimit from "p-limit";
import { type Pod, pods } from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { type Benched, nowSeconds, runStep } from "./job-scene.ts";
import { median, quantile, rounded } from "./statistics.ts";

/** P21: from the moment that the API server shows a container's end until our process has ended, over many Jobs; 0 for one that was done before. */
export async function measureEnds({ scene, image }: Benched, count: number, atOnce: number) {
  const { namespace, cluster } = scene.real;
  const stop = new AbortController();
  const shownAt = new Map<string, number>();
  const watching = noteEnds(cluster, shownAt, stop.signal);
  const limit = pLimit(atOnce);
  const endOnce = async (index: number): Promise<number> => {
    const run = `end-${process.pid}-${index}`;
    // All run for another time, for the kubelet looks once a second.
    const inputs = { image, namespace, command: `sleep ${(0.1 + ((index * 0.37) % 1)).toFixed(2)}`, gpus: "0" };
    await runStep({ action: "run-k8s-gpu-test", inputs, run, cwd: scene.project.path });
    const endedAt = nowSeconds();
    return endedAt - (shownAt.get(`gpu-ci-${run}-1`) ?? endedAt);
  };
  const seconds = await Promise.all(Array.from({ length: count }, (_, index) => limit(() => endOnce(index))));
  stop.abort();
  await watching;
  const lagsMs = seconds.map((lag) => lag * 1000);
  const [p50, p99, max] = [median(lagsMs), quantile(lagsMs, 0.99), quantile(lagsMs, 1)].map((lag) => rounded(lag));
  const before = lagsMs.filter((lag) => lag === 0).length;
  return { jobs: count, atOnce, before, p50Ms: p50, p99Ms: p99, maxMs: max };
}

async function noteEnds(
  cluster: Benched["scene"]["real"]["cluster"],
  shownAt: Map<string, number>,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const { object } of watchObjects<Pod>(cluster, pods, { signal })) {
      const job = object.metadata?.labels?.["batch.kubernetes.io/job-name"] ?? "";
      const hasEnded = object.status?.containerStatuses?.some(({ state }) => state?.terminated);
      if (hasEnded && !shownAt.has(job)) shownAt.set(job, nowSeconds());
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
