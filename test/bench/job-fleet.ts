import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { createObject, deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { jobs, type Node, namespaces, nodes } from "../../lib/kubernetes/resource.ts";
import { ensureTools } from "../../scripts/tools.ts";
import type { RealCluster } from "../support/real-cluster.ts";
import { watchAuditLog } from "./job-requests.ts";
import { rounded } from "./statistics.ts";

/** What marks the simulated nodes, and keeps everything else away from them. */
export const fleetNodes = { label: "gpu-ci-bench", taint: "gpu-ci-bench" } as const;

interface FleetRun {
  readonly passed: number;
  readonly seconds: number;
  readonly cores: number;
  readonly peakMb: number;
}

/** P26: many Jobs in one process of ours on nodes that kwok simulates, beside the same Jobs with nobody but a counter. */
export async function measureFleet({ cluster, namespace }: RealCluster, count: number, auditLog: string) {
  await using _nodes = await startNodes(cluster);
  const [withUs, without] = [`${namespace}-with`, `${namespace}-without`];
  for (const name of [withUs, without]) await createObject(cluster, namespaces, { metadata: { name } });
  try {
    const audit = watchAuditLog(auditLog);
    const ours = await runFleet("with", withUs, count);
    const requests = await audit.requestsIn(withUs);
    await settle(cluster, withUs);
    const bare = await runFleet("without", without, count);
    return {
      jobs: count,
      watches: requests.filter(({ what }) => what === "watch pods").length,
      requestsPerJob: rounded(requests.length / count, 2),
      peakMb: rounded(ours.peakMb),
      cores: rounded(ours.cores, 3),
      seconds: { ours: rounded(ours.seconds, 1), bare: rounded(bare.seconds, 1) },
      wallRatio: rounded(ours.seconds / bare.seconds, 3),
    };
  } finally {
    for (const name of [withUs, without]) await deleteObject(cluster, namespaces, name);
  }
}

/** The pods have passed before the Job controller, which is held to 20 requests a second, has told the Jobs: the next run waits for it. */
async function settle(cluster: RealCluster["cluster"], namespace: string): Promise<void> {
  for (const end = Date.now() + 900_000; Date.now() < end; await wait(2000)) {
    const { items } = await listObjects(cluster, jobs, { namespace });
    if (items.every(({ status }) => status?.completionTime)) return;
  }
  throw new Error(`The Job controller has not told all Jobs of ${namespace} within 15 minutes.`);
}

async function runFleet(mode: string, namespace: string, jobs: number): Promise<FleetRun> {
  const program = join(import.meta.dirname, "job-fleet-run.ts");
  const { stdout } = await promisify(execFile)(process.execPath, [program, mode, namespace, String(jobs)]);
  const run = JSON.parse(stdout) as FleetRun;
  if (run.passed !== jobs) throw new Error(`${run.passed} of ${jobs} Jobs passed (${mode} us).`);
  return run;
}

async function startNodes(cluster: RealCluster["cluster"]): Promise<AsyncDisposable> {
  const kwok = join(ensureTools(["kwok"]), "kwok");
  const { KUBECONFIG = "" } = process.env;
  const selector = `${fleetNodes.label}=true`;
  const stages = join(import.meta.dirname, "../fixtures/kwok-stages.yaml");
  const args = ["--kubeconfig", KUBECONFIG, "--config", stages, "--manage-nodes-with-label-selector", selector];
  const child = spawn(kwok, args, { stdio: "ignore" });
  const exited = once(child, "exit");
  const names = Array.from({ length: 10 }, (_, index) => `gpu-ci-bench-${index}`);
  for (const name of names) {
    // A run that was killed leaves its nodes, which nobody keeps ready.
    await deleteObject(cluster, nodes, name);
    await createObject(cluster, nodes, simulatedNode(name));
  }
  return {
    async [Symbol.asyncDispose]() {
      for (const name of names) await deleteObject(cluster, nodes, name);
      child.kill();
      await exited;
    },
  };
}

function simulatedNode(name: string): Node {
  const { label, taint } = fleetNodes;
  return {
    metadata: { name, labels: { [label]: "true" }, annotations: { "kwok.x-k8s.io/node": "fake" } },
    spec: { taints: [{ key: taint, value: "true", effect: "NoSchedule" }] },
  };
}
