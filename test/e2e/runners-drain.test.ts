import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import { configMaps, pods } from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";
import {
  callForge,
  createRepository,
  type Forge,
  jobsOf,
  logOf,
  pushFolder,
  runsOf,
  startForge,
} from "../support/forge.ts";
import { root } from "../support/house.ts";
import { pushRunnerImage } from "../support/runner-image.ts";
import { type ControllerProcess, startController } from "../support/runners-controller.ts";
import { createTestNamespace, type TestNamespace } from "../support/test-namespace.ts";

const label = `drain-${randomBytes(3).toString("hex")}`;
let folder: string;
let forge: Forge;
let namespace: TestNamespace;
let cluster: Cluster;
let repository: string;
let controller: ControllerProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-drain-"));
  forge = await startForge();
  namespace = await createTestNamespace("gpu-ci-drain");
  const { env } = process;
  const place = { kubeconfig: undefined, context: undefined, namespace: namespace.name };
  cluster = await connectKubernetes({ ...place, env, log: silentLog });
  const image = await pushRunnerImage(env.REGISTRY || "localhost:32000", folder);
  repository = await createRepository(forge, "drain");
  const workflows = join(folder, "caller/.github/workflows");
  mkdirSync(workflows, { recursive: true });
  writeFileSync(join(workflows, "long.yml"), workflow);
  await pushFolder(forge, join(folder, "caller"), repository);
  const settings = {
    release: "drain",
    namespace: namespace.name,
    mode: "plain",
    // Pods reach the forge at the node's address.
    forge: { kind: "gitea", url: forge.url, runnerUrl: "http://10.211.0.1:13000", scope: `repo:${repository}` },
    replicas: 1,
    labels: [label],
    runner: { image, resources: { requests: { cpu: "500m" } } },
  };
  controller = startController({ folder, settings, token: forge.token, onStop: "remove", exitWhenDrained: true });
}, 300_000);
afterAll(async () => {
  await controller?.stop();
  cluster?.close();
  await namespace?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe("the drain switch, on a cluster and a forge", () => {
  it("is acted on at once, twelve times", async () => {
    await gpuCi("resume");
    await until("a runner is there", async () => (await staying()) === 1);
    const times: number[] = [];
    for (let turn = 0; turn < 6; turn++) {
      times.push(await timed("DrainAndSuspend", 0), await timed("Running", 1));
    }
    const sorted = times.toSorted((a, b) => a - b);
    const figures = `p50 ${sorted[5]} ms, most ${sorted.at(-1)} ms`;
    process.stdout.write(`From the switch to the first act of the controller, ${times.length} switches: ${figures}\n`);
    // Five seconds are promised; a busy machine is given more here.
    expect(sorted.at(-1), figures).toBeLessThan(20_000);
  });

  it("ends a running job after its deadline", async () => {
    await inState("idle");
    await callForge(forge, "POST", `/repos/${repository}/actions/workflows/long.yml/dispatches`, { ref: "main" });
    await inState("busy");
    await gpuCi("drain", "--deadline", "2s", "--wait", "--wait-timeout", "100s");
    await until("the run has ended", async () => (await runsOf(forge, repository))[0]?.status === "completed");
    const [run] = await runsOf(forge, repository);
    const [job] = await jobsOf(forge, repository, run!);
    const log = await logOf(forge, repository, job!);
    expect(["failure", "cancelled"], log).toContain(run?.conclusion);
    expect(log).toContain("it begins");
    expect(controller.said()).toContain("is removed: the drain's deadline has passed.");
    expect(await forgeRunners()).toEqual([]);
  });

  it("ends a controller that was started for it, by drain --terminate --wait", async () => {
    await gpuCi("resume");
    await inState("idle");
    const { stderr } = await gpuCi("drain", "--terminate", "--wait", "--wait-timeout", "100s");
    expect(stderr).toMatch(
      /^All runners: DrainAndTerminate, no new jobs; running ones finish\.\n[\s\S]*No runner is left\.\n$/,
    );
    expect(await controller.ended(), controller.said()).toBe(0);
    expect([await namespace.objects(), await forgeRunners()]).toEqual([[], []]);
  });
});

const workflow = `on: [workflow_dispatch]
jobs:
  job:
    runs-on: ${label}
    steps:
      - run: echo it begins; sleep 600
`;

function gpuCi(subcommand: string, ...args: readonly string[]) {
  return exec(join(root, "bin/gpu-ci"), ["runners", subcommand, "--namespace", namespace.name, ...args]);
}

/** Milliseconds from the change of the switch until so many runners stay: the rest is being deleted, or gone. */
async function timed(state: string, count: number): Promise<number> {
  const begin = performance.now();
  await patchObject(cluster, configMaps, "gpu-ci-runners", { patch: { data: { STATE: state } } });
  while ((await staying()) !== count) {
    if (performance.now() - begin > 60_000) throw new Error(`${state} was not acted on.\n${controller.said()}`);
    await wait(20);
  }
  return Math.round(performance.now() - begin);
}

async function staying(): Promise<number> {
  const { items } = await listObjects(cluster, pods);
  return items.filter(({ metadata }) => metadata?.deletionTimestamp === undefined).length;
}

async function inState(state: string): Promise<void> {
  await until(`a runner is ${state}`, async () => {
    const { items } = await listObjects(cluster, pods, { labelSelector: `gpu-ci/runner-state=${state}` });
    return items.some(({ metadata }) => metadata?.deletionTimestamp === undefined);
  });
}

async function forgeRunners(): Promise<readonly string[]> {
  const path = `/repos/${repository}/actions/runners`;
  const { runners } = await callForge<{ runners: { name: string }[] | null }>(forge, "GET", path);
  return (runners ?? []).map(({ name }) => name);
}

async function until(what: string, isReached: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end; await wait(200)) if (await isReached()) return;
  throw new Error(`It never came about that ${what}.\n${controller.said()}`);
}
