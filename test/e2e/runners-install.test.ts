import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { exec } from "../../lib/exec.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { pods } from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";
import { ensureTools } from "../../scripts/tools.ts";
import { pushControllerImage } from "../support/controller-image.ts";
import {
  callForge,
  createRepository,
  type Forge,
  finishedRun,
  jobsOf,
  logOf,
  pushFolder,
  startForge,
} from "../support/forge.ts";
import { root } from "../support/house.ts";
import { prepareTimeoutMs, prepareTools } from "../support/prepare-tools.ts";
import { helm } from "../support/runner-chart.ts";
import { pushRunnerImage } from "../support/runner-image.ts";
import { createTestNamespace, type TestNamespace } from "../support/test-namespace.ts";

const label = `installed-${randomBytes(3).toString("hex")}`;
/** The forge as pods reach it. */
const forgeUrl = "http://10.211.0.1:13000";
let folder: string;
let forge: Forge;
let namespace: TestNamespace;
let cluster: Cluster;
let images: { readonly runner: string; readonly controller: string };

beforeAll(() => prepareTools("helm"), prepareTimeoutMs);
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-install-"));
  forge = await startForge();
  namespace = await createTestNamespace("gpu-ci-install");
  const { env } = process;
  const { name } = namespace;
  cluster = await connectKubernetes({
    kubeconfig: undefined,
    context: undefined,
    namespace: name,
    env,
    log: silentLog,
  });
  const runner = await pushRunnerImage(env.REGISTRY || "localhost:32000", folder);
  images = { runner, controller: await pushControllerImage(runner, folder) };
}, 300_000);
afterAll(async () => {
  await uninstall();
  cluster?.close();
  await namespace?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe("gpu-ci runners install, on a cluster and a forge", () => {
  it("says what keeps the release from being ready, and what was wrong is put right by the next install", async () => {
    const controller = images.controller.replace(/[0-9a-f]{64}$/, "0".repeat(64));
    const error = await install({ controller, timeout: "20s" }).catch(String);
    expect(error).toMatch(/Helm could not apply release gpu-ci: /);
    expect(error).toMatch(/gpu-ci-controller-\S+ \(controller\): (ErrImagePull|ImagePullBackOff): .*not found/);
    expect(error).toContain(`helm uninstall gpu-ci --namespace ${namespace.name}`);
  });

  it("puts runners into the cluster, says what runs-on takes, and a push is run by one of them", async () => {
    const installed = await install();
    expect(installed.stdout).toBe(`runs-on: [${label}, gpu-${label}]\n`);
    expect(installed.stderr).toMatch(/^Runner gpu-ci-runner-\w+-\w+ is registered\.$/m);
    expect(installed.stderr).not.toContain(forge.token);

    const repository = await createRepository(forge, "installed-runners");
    const workflows = join(folder, "caller/.github/workflows");
    mkdirSync(workflows, { recursive: true });
    writeFileSync(join(workflows, "hello.yml"), workflow);
    await pushFolder(forge, join(folder, "caller"), repository);
    const path = "hello.yml@refs/heads/main";
    const run = await finishedRun(forge, repository, { path, event: "push", timeoutMs: 120_000 });
    const [job] = await jobsOf(forge, repository, run);
    const log = await logOf(forge, repository, job!);
    expect(run.conclusion, log).toBe("success");
    expect(log).toMatch(/hello from gpu-ci-runner-\w+-\w+ as 1000/);
  });

  it("drains and resumes the controller of the chart", async () => {
    await gpuCi("drain", "--wait", "--wait-timeout", "100s");
    await until(async () => (await namespace.objects()).length === 4, "the runner's Secret is gone");
    expect(await namespace.objects()).toEqual([
      expect.stringMatching(/^Pod gpu-ci-controller-/),
      "Secret gpu-ci-runners-token",
      expect.stringMatching(/^Secret sh\.helm\.release.*v1$/),
      expect.stringMatching(/^Secret sh\.helm\.release.*v2$/),
    ]);
    await gpuCi("resume");
    await until(async () => (await runnerPods()).length === 1, "a runner is there again");
  });

  it("is uninstalled with all its runners, which the forge no longer lists", async () => {
    await uninstall();
    await until(async () => (await namespace.objects()).length === 1, "the runners are gone");
    expect([await namespace.objects(), await forgeRunners()]).toEqual([["Secret gpu-ci-runners-token"], []]);
  });
});

const workflow = `on: [push]
jobs:
  job:
    runs-on: ${label}
    steps:
      - run: echo "hello from $(hostname) as $(id -u)"
`;

/** As a person does it, but for the terminal on which the token would be asked for. */
function install({ controller = images.controller, timeout = "300s" } = {}) {
  const [values, token] = [join(folder, "values.yaml"), join(folder, "token")];
  writeFileSync(values, stringify({ observer: { enabled: false } }));
  writeFileSync(token, forge.token, { mode: 0o600 });
  const place = ["--forge", forgeUrl, "--scope", "instance", "--token-file", token, "--values", values];
  const wanted = ["--replicas", "1", "--labels", `${label},gpu-${label}`, "--timeout", timeout];
  return gpuCi("install", ...place, ...wanted, "--runner-image", images.runner, "--controller-image", controller);
}

function gpuCi(subcommand: string, ...args: readonly string[]) {
  const env = { ...process.env, PATH: `${ensureTools(["helm"])}:${process.env.PATH}` };
  return exec(join(root, "bin/gpu-ci"), ["runners", subcommand, "--namespace", namespace.name, ...args], { env });
}

async function uninstall(): Promise<void> {
  await helm(["uninstall", "gpu-ci", "--namespace", namespace.name, "--wait", "--ignore-not-found"]);
}

/** Names on the forge's list that have the label of this test. */
async function forgeRunners(): Promise<readonly string[]> {
  interface Listed {
    readonly runners: readonly { name: string; labels: readonly { name: string }[] }[];
  }
  const { runners } = await callForge<Listed>(forge, "GET", "/admin/actions/runners");
  return runners.flatMap(({ name, labels }) => (labels.some((own) => own.name === label) ? [name] : []));
}

async function runnerPods() {
  return (await listObjects(cluster, pods, { labelSelector: "app.kubernetes.io/component=runner" })).items;
}

async function until(isReached: () => Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + 120_000; Date.now() < end; await wait(200)) if (await isReached()) return;
  throw new Error(`It never came about that ${what}.`);
}
