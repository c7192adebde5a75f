import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import { configMaps, events, pods, secrets } from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";
import {
  callForge,
  createRepository,
  type Forge,
  type ForgeRun,
  gitIn,
  jobsOf,
  logOf,
  pushFolder,
  remoteOf,
  startForge,
} from "../support/forge.ts";
import { root } from "../support/house.ts";
import { killInPod } from "../support/kill-in-pod.ts";
import { pushRunnerImage } from "../support/runner-image.ts";
import { type ControllerProcess, startController } from "../support/runners-controller.ts";
import { createTestNamespace, type TestNamespace } from "../support/test-namespace.ts";

// A label that only these runners have: the forge's own runner must not take their jobs.
const label = `runners-${randomBytes(3).toString("hex")}`;
let folder: string;
let forge: Forge;
let namespace: TestNamespace;
let cluster: Cluster;
let repository: string;
let settings: object;
let controller: ControllerProcess;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-runners-"));
  forge = await startForge();
  namespace = await createTestNamespace("gpu-ci-runners");
  const { env } = process;
  const { name } = namespace;
  cluster = await connectKubernetes({
    kubeconfig: undefined,
    context: undefined,
    namespace: name,
    env,
    log: silentLog,
  });
  const image = await pushRunnerImage(env.REGISTRY || "localhost:32000", folder);
  // Pods reach the forge at the node's address.
  const runnerUrl = "http://10.211.0.1:13000";
  settings = {
    release: "e2e",
    namespace: name,
    mode: "plain",
    forge: { kind: "gitea", url: forge.url, runnerUrl, scope: "instance" },
    replicas: 1,
    labels: [label],
    // Without a share of the processor a runner hardly moves on a busy machine.
    runner: { image, resources: { requests: { cpu: "500m" } } },
  };
  repository = await createRepository(forge, "runners");
  const workflows = join(folder, "caller/.github/workflows");
  mkdirSync(workflows, { recursive: true });
  writeFileSync(join(workflows, "hello.yml"), workflow("push", 'echo "hello from $(hostname)"'));
  writeFileSync(join(workflows, "long.yml"), workflow("workflow_dispatch", "echo it begins; sleep 600"));
  controller = startController({ folder, settings, token: forge.token, onStop: "remove" });
}, 300_000);
afterAll(async () => {
  await controller?.stop();
  cluster?.close();
  await namespace?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe("gpu-ci runners controller, on a cluster and a forge", () => {
  it("gives a push a runner in a pod, which ends after the job and is replaced", async () => {
    const first = await runnerInState("idle");
    expect((await gpuCi("status")).stdout).toMatch(new RegExp(`^${first} +\\S+ +idle +`, "m"));
    await pushFolder(forge, join(folder, "caller"), repository);
    const run = await runThat("hello.yml", ({ status }) => status === "completed");
    const [job] = await jobsOf(forge, repository, run);
    const log = await logOf(forge, repository, job!);
    expect(run.conclusion, log).toBe("success");
    expect(log).toContain(`hello from ${first}`);
    const second = await runnerInState("idle", (name) => name !== first);
    await until(async () => (await runnerPods()).length === 1, "the first runner is gone");
    expect([await secretNames(1), await forgeRunners()]).toEqual([[second], [second]]);
  });

  it("takes no job while it is drained, and the queued one after resume", async () => {
    const begin = performance.now();
    await gpuCi("drain", "--wait", "--wait-timeout", "60s");
    expect([await runnerPods(), await secretNames(0), await forgeRunners()], `${performance.now() - begin} ms`).toEqual(
      [[], [], []],
    );
    await pushAgain();
    const queued = await runThat("hello.yml", ({ status }) => status !== "completed");
    expect((await gpuCi("status")).stdout).toMatch(/DrainAndSuspend, running jobs finish\nNo runner is there\./);
    expect((await runById(queued.id)).status).toBe("queued");
    await gpuCi("resume");
    await until(async () => (await runById(queued.id)).conclusion === "success", "the queued job has run");
  });

  it("keeps a node drained while all others run, and ignores a bad value with an Event", async () => {
    const idle = await runnerInState("idle");
    const node = (await runnerPods())[0]?.spec?.nodeName ?? "";
    await gpuCi("drain", "--node", node, "--wait", "--wait-timeout", "60s");
    expect((await gpuCi("resume")).stderr).toBe(`All runners: Running. Still drained by themselves: ${node}.\n`);
    const patch = { data: { STATE: "off" } };
    await patchObject(cluster, configMaps, "gpu-ci-runners", { patch });
    await until(async () => (await badStates()).length > 0, "there is an Event");
    expect([await badStates(), await runnerPods()]).toEqual([["ConfigMap gpu-ci-runners"], []]);
    await gpuCi("resume");
    await gpuCi("resume", "--node", node);
    await runnerInState("idle", (name) => name !== idle);
  });

  it("ends the job of a runner whose pod is killed, and makes a new runner", async () => {
    // Not the runner of the job before, which may just be ending.
    await runnerInState("idle");
    await callForge(forge, "POST", `/repos/${repository}/actions/workflows/long.yml/dispatches`, { ref: "main" });
    const killed = await runnerInState("busy");
    const run = await runThat("long.yml", ({ status }) => status === "in_progress");
    // Nobody tells the runner first: only the controller can tell the forge.
    const pod = (await runnerPods()).find(({ metadata }) => metadata?.name === killed);
    killInPod(pod?.metadata?.uid ?? "", "gitea-runner");
    await until(async () => (await runById(run.id)).status === "completed", "the job has ended");
    expect((await runById(run.id)).conclusion).toBe("failure");
    const [job] = await jobsOf(forge, repository, run);
    expect(await logOf(forge, repository, job!)).toContain(
      `The pod of runner ${killed} ended in the middle of this job.`,
    );
    const next = await runnerInState("idle", (name) => name !== killed);
    expect([await secretNames(1), await forgeRunners()]).toEqual([[next], [next]]);
  });

  it("finds its runners again after a crash, and doubles none", async () => {
    const before = await runnerInState("idle");
    await controller.kill();
    controller = startController({ folder, settings, token: forge.token, onStop: "remove" });
    await until(async () => controller.said().includes("Keeping 1 runners"), "the controller is there");
    await pushAgain();
    await runnerInState("idle", (name) => name !== before);
    expect(controller.said().match(/is made\./g)).toHaveLength(1);
  });

  it("leaves nothing when it is stopped that way", async () => {
    expect(await controller.stop(), controller.said()).toBe(0);
    expect([await secretNames(0), await namespace.objects(), await forgeRunners()]).toEqual([[], [], []]);
  });
});

const workflow = (event: string, command: string) => `on: [${event}]
jobs:
  job:
    runs-on: ${label}
    steps:
      - run: ${command}
`;

function gpuCi(subcommand: string, ...args: readonly string[]) {
  return exec(join(root, "bin/gpu-ci"), ["runners", subcommand, "--namespace", namespace.name, ...args]);
}

async function pushAgain(): Promise<void> {
  const git = gitIn(join(folder, "caller"));
  await git("commit", "--quiet", "--allow-empty", "--message", "again");
  await git("push", "--quiet", remoteOf(forge, repository), "main");
}

async function runnerPods() {
  return (await listObjects(cluster, pods)).items;
}

async function badStates(): Promise<readonly string[]> {
  const { items } = await listObjects(cluster, events, { fieldSelector: "reason=BadDrainState" });
  return items.map(({ involvedObject }) => `${involvedObject.kind} ${involvedObject.name}`);
}

/** Secrets go with their pods, which the cluster's garbage collector does a moment later. */
async function secretNames(count: number): Promise<readonly string[]> {
  let names: readonly string[] = [];
  await until(async () => {
    names = (await listObjects(cluster, secrets)).items.map(({ metadata }) => metadata?.name ?? "");
    return names.length === count;
  }, `there are ${count} Secrets`);
  return names;
}

/** Names of our runners at the forge. */
async function forgeRunners(): Promise<readonly string[]> {
  const { runners } = await callForge<{ runners: { name: string }[] }>(forge, "GET", "/admin/actions/runners");
  const ours = (await namePrefix()) ?? "e2e-runner-";
  return runners.map(({ name }) => name).filter((name) => name.startsWith(ours));
}

let prefix: string | undefined;

/** Other runs of this test may have left theirs: what tells ours apart stands in their names. */
async function namePrefix(): Promise<string | undefined> {
  const name = (await runnerPods())[0]?.metadata?.name;
  prefix ??= name?.slice(0, name.lastIndexOf("-") + 1);
  return prefix;
}

async function runnerInState(state: string, isWanted = (_name: string) => true): Promise<string> {
  let found = "";
  await until(async () => {
    const ready = (await runnerPods()).filter(({ metadata }) => metadata?.labels?.["gpu-ci/runner-state"] === state);
    const names = ready.flatMap(({ metadata }) => (metadata?.deletionTimestamp ? [] : [metadata?.name ?? ""]));
    found = names.find(isWanted) ?? "";
    return found !== "";
  }, `a runner is ${state}`);
  return found;
}

/** The newest run of a workflow, as soon as it is as wanted. */
async function runThat(file: string, isWanted: (run: ForgeRun) => boolean): Promise<ForgeRun> {
  let found: ForgeRun | undefined;
  await until(async () => {
    const answer = await callForge<{ workflow_runs: ForgeRun[] }>(forge, "GET", `/repos/${repository}/actions/runs`);
    found = answer.workflow_runs.find(({ path }) => path.startsWith(`${file}@`));
    return found !== undefined && isWanted(found);
  }, `a run of ${file}`);
  return found as ForgeRun;
}

function runById(id: number): Promise<ForgeRun> {
  return callForge<ForgeRun>(forge, "GET", `/repos/${repository}/actions/runs/${id}`);
}

/** A forge and a cluster on a busy machine: what is waited for comes within seconds, and is given minutes. */
async function until(isReached: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end; await wait(200)) if (await isReached()) return;
  throw new Error(`It never came about that ${what}.\n${controller.said()}`);
}
