import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { createRepository, type Forge, gitIn, pushFolder, remoteOf, runsOf } from "../support/forge.ts";
import { type PublishedProduct, providePublished } from "../support/forge-publish.ts";
import { dispatchRun, type EndedRun, endedRun, type ForgeScene, openForgeScene } from "../support/forge-scene.ts";
import type { TestNamespace } from "../support/test-namespace.ts";

const timeoutMs = 240_000;
let scene: ForgeScene;
let folder: string;
let forge: Forge;
let namespace: TestNamespace;
let caller: string;

beforeAll(async () => {
  scene = await openForgeScene("forge-runs");
  ({ folder, forge, namespace } = scene);
  const product = await providePublished(forge, join(folder, "product"));
  caller = await createRepository(forge, "runs");
  const base = await pushBusyboxImage({
    registry: process.env.REGISTRY || "localhost:32000",
    repository: "test/busybox",
  });
  writeCaller(product, base);
  await pushFolder(forge, join(folder, "caller"), caller);
}, 600_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

describe("runs on a forge", () => {
  it("are red when a test is, and the log says which and why", async () => {
    await pushTest("red", redTest);
    const { run, log } = await ended("gpu.yml@refs/heads/red");
    expect(run.conclusion, log).toBe("failure");
    expect(log).toMatch(/^Verdict: failure \(test-failed\) .* 1 failed case: multiplies\.$/m);
    expect(log).toContain("::error title=vectors › multiplies::expected 6, got 7");
    // This forge throws the job summary away: what it would say is in the log.
    expect(log).toMatch(/^\| base \| `.*\/test\/busybox@sha256:[0-9a-f]{64}` \|$/m);
    expect(await namespace.objects()).toEqual([]);
  });

  it("supersede the older one of their branch, which leaves nothing in the cluster though its step is killed", async () => {
    await pushTest("busy", "echo it runs; sleep 600");
    const path = "gpu.yml@refs/heads/busy";
    await until("the older run's Job", async () => (await namespace.objects()).some((name) => name.startsWith("Pod ")));
    await pushTest("busy", "echo it is quick; cp green.xml results.xml");
    const { log } = await ended(path);
    const all = (await runsOf(forge, caller)).filter((candidate) => candidate.path === path);
    expect(
      all.map(({ conclusion }) => conclusion),
      log,
    ).toEqual(["success", "cancelled"]);
    expect(log).toMatch(/^it is quick$/m);
    await until("an empty namespace", async () => (await namespace.objects()).length === 0);
  });

  it("test one image on several classes and in shards, each class with objects of its own", async () => {
    const ran = (await namespace.jobsThatRan()).length;
    const log = await press("classes.yml");
    expect(log).toMatch(/^GPU_CI_GPUS=1$/m);
    expect([0, 1, 2].map((shard) => log.includes(`[${shard}] GPU_CI_SHARD=${shard}`))).toEqual([true, true, false]);
    expect((await namespace.jobsThatRan()).length - ran).toBe(2);
    expect(await namespace.objects()).toEqual([]);
  });

  it("say what the care of the registry would delete, with the branches of the repository asked for", async () => {
    const log = await press("registry-care.yml");
    expect(log).toMatch(/Dry run: nothing was changed\.$/m);
    expect(log).toContain("::set-output:: garbage=off");
    expect(log).toMatch(/^::set-output:: kept=[1-9]/m);
  });

  it("drain and resume the runners, whatever the button says", async () => {
    await namespace.addConfigMap("gpu-ci-runners");
    expect(await press("runners.yml", { command: "drain", deadline: "2h" })).toContain(
      "::set-output:: state=DrainAndSuspend",
    );
    expect(await press("runners.yml", { command: "status" })).toContain("::set-output:: drained=true");
    expect(await press("runners.yml", { command: "resume" })).toContain("::set-output:: state=Running");
  });
});

function ended(path: string, event = "push"): Promise<EndedRun> {
  return endedRun(forge, caller, { path, event, timeoutMs });
}

/** Starts a workflow by a dispatch with inputs; gives the log of the run, which is green. */
async function press(workflow: string, inputs: Readonly<Record<string, string>> = {}): Promise<string> {
  const id = await dispatchRun(forge, caller, { workflow, inputs });
  const { run, log } = await ended(`${workflow}@refs/heads/main`, "workflow_dispatch");
  expect({ id: run.id, conclusion: run.conclusion }, log).toEqual({ id, conclusion: "success" });
  return log;
}

async function pushTest(branch: string, script: string): Promise<void> {
  const directory = join(folder, "caller");
  const git = gitIn(directory);
  await git("checkout", "--quiet", "-B", branch);
  writeFileSync(join(directory, "test.sh"), `${script}\n`);
  await git("commit", "--quiet", "--all", "--message", branch);
  await git("push", "--quiet", remoteOf(forge, caller), branch);
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const begin = Date.now(); Date.now() < begin + timeoutMs; await wait(250)) if (await isSo()) return;
  throw new Error(`${what} did not come within ${timeoutMs / 1000} s.`);
}

function writeCaller(product: PublishedProduct, base: string): void {
  const workflows = join(folder, "caller/.github/workflows");
  mkdirSync(workflows, { recursive: true });
  writeFileSync(join(workflows, "gpu.yml"), gpuCaller(product, base));
  writeFileSync(join(workflows, "classes.yml"), classesCaller(product, base));
  writeFileSync(join(workflows, "runners.yml"), runnersCaller(product));
  writeFileSync(join(workflows, "registry-care.yml"), careCaller(product));
  writeFileSync(join(folder, "caller/test.sh"), "cp green.xml results.xml\n");
  writeFileSync(join(folder, "caller/green.xml"), '<testsuite name="vectors"><testcase name="adds"/></testsuite>\n');
  writeFileSync(join(folder, "caller/VERSION"), "1.0.0\n");
}

const redTest = `cat >results.xml <<'XML'
<testsuite name="vectors"><testcase name="adds"/><testcase name="multiplies"><failure message="expected 6, got 7"/></testcase></testsuite>
XML
exit 1`;

const gpuCaller = ({ repository, version }: PublishedProduct, base: string) => `name: gpu
on: {push: {branches-ignore: [main]}}
permissions: {contents: read}
# This forge looks at the concurrency of the caller alone.
concurrency: {group: "gpu/\${{ github.ref }}", cancel-in-progress: true}
jobs:
  test:
    uses: ${repository}/.github/workflows/gpu-ci.yml@v${version}
    with:
      runs-on: '"gpu"'
      base-image: ${base}
      test-command: sh test.sh
      results: results.xml
      namespace: ${namespace.name}
`;

const runnersCaller = ({ repository, version }: PublishedProduct) => `name: runners
on:
  workflow_dispatch:
    inputs:
      command: {type: choice, options: [status, drain, resume], default: status}
      deadline: {type: string, default: ""}
permissions: {contents: read}
jobs:
  switch:
    uses: ${repository}/.github/workflows/runners.yml@v${version}
    with:
      runs-on: '"gpu"'
      command: \${{ inputs.command }}
      deadline: \${{ inputs.deadline }}
      namespace: ${namespace.name}
`;

const classesCaller = ({ repository, version }: PublishedProduct, base: string) => `name: classes
on: {workflow_dispatch: {}}
permissions: {contents: read}
jobs:
  classes:
    uses: ${repository}/.github/workflows/gpu-test.yml@v${version}
    with:
      runs-on: '"gpu"'
      image: ${base}
      classes: '[{"name": "two", "gpus": "0", "shards": "2"}, {"name": "one", "memory": "64Mi"}]'
      test-command: env
      namespace: ${namespace.name}
`;

const careCaller = ({ repository, version }: PublishedProduct) => `name: registry-care
on: {workflow_dispatch: {}}
permissions: {contents: read}
jobs:
  care:
    uses: ${repository}/.github/workflows/registry-care.yml@v${version}
    with:
      runs-on: '"gpu"'
      repository: test/*
      keep-branches: "true"
      dry-run: "true"
`;
