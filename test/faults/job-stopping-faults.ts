import { rm, writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import { nodes } from "../../lib/kubernetes/resource.ts";
import { type ClusterParts, openClusterParts } from "../support/cluster-parts.ts";
import { type JobFault, talking } from "./job-fault.ts";
import type { JobScene } from "./job-scene.ts";

// Longer than any part is away.
const short = talking(72, 0.25);
const long = talking(180, 0.25);
const begun = { command: "echo begun; sleep 3600", log: /^begun\n/ };

/** Faults of the cluster's own parts: everybody who uses it sees them. */
export const jobStoppingFaults: readonly JobFault[] = [
  {
    id: "F01",
    name: "API server stopped for 8 s",
    ...short,
    stopsPart: true,
    strike: struck(async (parts) => {
      await parts.signal("api-server", "SIGSTOP");
      await sleep(8000);
      await parts.signal("api-server", "SIGCONT");
    }),
    truth: { verdict: "passed", log: short.log },
  },
  {
    id: "F01",
    name: "API server killed, back after 8 s",
    ...short,
    stopsPart: true,
    strike: struck(async (parts) => {
      await parts.signal("api-server", "SIGKILL");
      await sleep(8000);
    }),
    truth: { verdict: "passed", log: short.log },
  },
  {
    id: "F24",
    name: "evicted: the node is tainted NoExecute",
    ...begun,
    stopsPart: true,
    strike: taintNode,
    truth: { verdict: "infrastructure", says: /[Tt]aint/, log: begun.log },
  },
  {
    id: "F25",
    name: "node NotReady for a while",
    ...long,
    stopsPart: true,
    limitMs: 130_000,
    strike: struck(async (parts) => {
      await parts.signal("kubelet", "SIGSTOP");
      await sleep(35_000);
      await parts.signal("kubelet", "SIGCONT");
    }),
    truth: { verdict: "passed", log: long.log },
  },
  {
    id: "F26",
    name: "kubelet killed, back at once",
    ...short,
    stopsPart: true,
    strike: struck((parts) => parts.signal("kubelet", "SIGKILL")),
    truth: { verdict: "passed", log: short.log },
  },
  {
    id: "F26",
    name: "containerd killed, back at once",
    ...short,
    stopsPart: true,
    strike: struck((parts) => parts.signal("containerd", "SIGKILL")),
    truth: { verdict: "passed", log: short.log },
  },
  {
    id: "F33",
    name: "device plugin killed while the test has its GPU",
    ...short,
    stopsPart: true,
    inputs: () => ({ gpus: "1" }),
    strike: struck((parts) => parts.signal("gpu", "SIGKILL")),
    truth: { verdict: "passed", log: short.log },
  },
  {
    id: "F33",
    name: "all GPUs unhealthy",
    command: "true",
    stopsPart: true,
    inputs: () => ({ gpus: "1", "pending-timeout": "20s" }),
    before: loseGpus,
    truth: { verdict: "infrastructure", says: /Insufficient nvidia\.com\/gpu[\s\S]*(unhealthy|offer 0 now)/ },
  },
];

/** What is done to a part while the test of each scene runs; afterwards everything is there again. */
function struck(strike: (parts: ClusterParts) => Promise<void>) {
  return async (scenes: readonly JobScene[]) => {
    const parts = await openClusterParts();
    await Promise.all(scenes.map((scene) => scene.running()));
    await sleep(1500);
    try {
      await strike(parts);
    } finally {
      await parts.up();
    }
  };
}

async function taintNode(scenes: readonly JobScene[]): Promise<void> {
  const [{ cluster }] = scenes as [JobScene];
  await Promise.all(scenes.map((scene) => scene.running()));
  await sleep(1000);
  const { items } = await listObjects(cluster, nodes);
  const taint = (taints: object[] | null) =>
    patchObject(cluster, nodes, items[0]?.metadata?.name ?? "", { patch: { spec: { taints } } });
  await taint([{ key: "nvidia.com/gpu", effect: "NoExecute" }]);
  await sleep(5000);
  await taint(null);
}

/** Until the scene is over no GPU is healthy. */
async function loseGpus({ cluster, undo }: JobScene): Promise<void> {
  const { unhealthyGpus } = await openClusterParts();
  const { items } = await listObjects(cluster, nodes);
  const capacity = Number(items[0]?.status?.capacity?.["nvidia.com/gpu"] ?? 0);
  undo.defer(async () => {
    await rm(unhealthyGpus, { force: true });
    await allocatable(cluster, capacity);
  });
  await writeFile(
    unhealthyGpus,
    Array.from({ length: capacity }, (_, at) => `GPU-00000000-0000-0000-0000-${String(at).padStart(12, "0")}\n`).join(
      "",
    ),
  );
  await allocatable(cluster, 0);
}

async function allocatable(cluster: JobScene["cluster"], wanted: number): Promise<void> {
  for (;;) {
    const { items } = await listObjects(cluster, nodes);
    if (Number(items[0]?.status?.allocatable?.["nvidia.com/gpu"]) === wanted) return;
    await sleep(200);
  }
}
