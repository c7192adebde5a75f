import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { jobs, pods, secrets } from "../../lib/kubernetes/resource.ts";
import { silentLog } from "../../lib/log.ts";
import { debianParent } from "../support/debian-parent.ts";
import {
  callForge,
  type Forge,
  type ForgeRun,
  gitIn,
  jobsOf,
  logOf,
  pushFolder,
  remoteOf,
  runsOf,
  startForge,
} from "../support/forge.ts";
import { type PublishedProduct, providePublished } from "../support/forge-publish.ts";
import { type InstalledCard, installCard } from "../support/installed-card.ts";
import { killInPod } from "../support/kill-in-pod.ts";
import { prepareTimeoutMs, prepareTools } from "../support/prepare-tools.ts";
import { rootlessRefusal } from "../support/rootless-probe.ts";
import { helm } from "../support/runner-chart.ts";
import { createTestNamespace, type TestNamespace } from "../support/test-namespace.ts";

const refusal = await rootlessRefusal();
let folder: string;
let forge: Forge;
let namespace: TestNamespace;
let cluster: Cluster;
let card: InstalledCard;
let repository: string;

beforeAll(() => prepareTools("helm"), prepareTimeoutMs);
beforeAll(async () => {
  if (refusal !== undefined) return;
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-card-"));
  forge = await startForge();
  namespace = await createTestNamespace("gpu-ci-card");
  const place = { kubeconfig: undefined, context: undefined, namespace: namespace.name };
  cluster = await connectKubernetes({ ...place, env: process.env, log: silentLog });
  const product = await providePublished(forge, join(folder, "product"));
  card = await installCard({ forge, folder, namespace: namespace.name });
  repository = `${card.organisation}/project`;
  await callForge(forge, "POST", `/orgs/${card.organisation}/repos`, { name: "project" });
  await writeProject(product);
}, 900_000);
afterAll(async () => {
  if (refusal !== undefined) return;
  await uninstall();
  if (card !== undefined) {
    await callForge(forge, "DELETE", `/repos/${repository}`).catch(() => undefined);
    await callForge(forge, "DELETE", `/orgs/${card.organisation}`).catch(() => undefined);
  }
  cluster?.close();
  await namespace?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

if (refusal !== undefined) {
  it("cannot have a builder on this machine, which refuses a pod its own user namespace and says so", () => {
    expect(refusal).toMatch(/user namespace|uid_map|newuidmap|operation not permitted|no space left/i);
  });
} else {
  describe("runners in a cluster, and a project that they have never seen", () => {
    it("build, push and test its push on a GPU, all inside of a pod, and report green", async () => {
      await pushFolder(forge, join(folder, "project"), repository);
      const { run, log } = await ended("main");
      expect(run.conclusion, log).toBe("success");
      expect(log).toMatch(/buildctl.*buildkitd at tcp:\/\/gpu-ci-buildkitd:1234/);
      expect(log).toContain("::set-output:: rebuilt=true");
      expect(log).toContain("Registry: registry.container-registry.svc.cluster.local:5000, as the cluster announces.");
      expect(log).toMatch(/^made by the builder$/m);
      expect(log).toMatch(/^GPU 0: .*Simulated GPU/m);
      expect(log).toMatch(/^Verdict: success \(passed\)/m);
      expect(log).toContain("::set-output:: passed=1");
      expect(await leftInJobs()).toEqual([]);
    });

    it("report a failing test as red, with the reason", async () => {
      await pushTest("red", failing);
      const { run, log } = await ended("red");
      expect(run.conclusion, log).toBe("failure");
      expect(log).toContain("::set-output:: rebuilt=false");
      expect(log).toMatch(/^Verdict: failure \(test-failed\) .* 1 failed case: multiplies\.$/m);
      expect(await leftInJobs()).toEqual([]);
    });

    it("leave a push queued while they are drained, and take it after resume", async () => {
      await card.gpuCi("drain", "--wait", "--wait-timeout", "100s");
      expect(await card.forgeRunners()).toEqual([]);
      await pushTest("queued", passing);
      await until("a run is queued", async () => (await runOf("queued")) !== undefined);
      expect((await runOf("queued"))?.status).toBe("queued");
      await card.gpuCi("resume");
      const { run, log } = await ended("queued");
      expect(run.conclusion, log).toBe("success");
    });

    it("end a job whose runner is killed, remove its test, and have a new runner", async () => {
      await pushTest("killed", "echo it begins; sleep 600");
      await until("the test runs", async () => (await testPods()).some(({ status }) => status?.phase === "Running"));
      const [job] = (await listObjects(cluster, jobs, { namespace: jobsNamespace() })).items;
      const killed = job?.metadata?.annotations?.["gpu-ci/runner-pod"] ?? "";
      const pod = (await runnerPods()).find(({ metadata }) => metadata?.name === killed);
      killInPod(pod?.metadata?.uid ?? "", "gitea-runner");
      const { run, log } = await ended("killed");
      expect(run.conclusion, log).toBe("failure");
      expect(log).toContain(`The pod of runner ${killed} ended in the middle of this job.`);
      await until("nothing of the test is left", async () => (await leftInJobs()).length === 0);
      await until("a new runner is idle", async () => (await idleRunners()).some((name) => name !== killed));
    });

    it("have the registry cared for by the chart's CronJob", async () => {
      const kubectl = (...args: string[]) => exec("kubectl", ["--namespace", namespace.name, ...args]);
      await kubectl("create", "job", "care-now", "--from=cronjob/gpu-ci-registry-prune");
      await kubectl("wait", "--for=condition=complete", "job/care-now", "--timeout=120s");
      const { stdout } = await kubectl("logs", "job/care-now");
      expect(stdout).toContain(`test/${card.label}`);
      expect(stdout).toMatch(/dry run/i);
    });

    it("are uninstalled without a trace, on the forge too", async () => {
      await uninstall();
      await until("the runners are gone", async () => (await namespace.objects()).length === 1);
      expect(await namespace.objects()).toEqual(["Secret gpu-ci-runners-token"]);
      expect(await card.forgeRunners()).toEqual([]);
    });
  });
}

const passing = `cat /toolchain
nvidia-smi -L
echo '<testsuite name="vectors"><testcase name="adds"/></testsuite>' >results.xml`;
const failing = `cat >results.xml <<'XML'
<testsuite name="vectors"><testcase name="adds"/><testcase name="multiplies"><failure message="expected 6, got 7"/></testcase></testsuite>
XML
exit 1`;

async function writeProject(product: PublishedProduct): Promise<void> {
  const project = join(folder, "project");
  const parent = await debianParent(process.env.REGISTRY || "localhost:32000", folder);
  mkdirSync(join(project, ".github/workflows"), { recursive: true });
  writeFileSync(join(project, ".github/workflows/gpu.yml"), callerOf(product));
  writeFileSync(join(project, "VERSION"), "1.0.0\n");
  writeFileSync(join(project, "test.sh"), `${passing}\n`);
  writeFileSync(
    join(project, "Dockerfile_base"),
    `FROM ${parent}
LABEL registry.repo=test/${card.label} registry.version=1.0.0
RUN echo made by the builder >/toolchain
`,
  );
}

const callerOf = ({ repository: own, version }: PublishedProduct) => `name: gpu
on: {push: {}}
permissions: {contents: read}
jobs:
  test:
    runs-on: ${card.label}
    uses: ${own}/.github/workflows/gpu-ci.yml@v${version}
    with:
      runs-on: '"${card.label}"'
      gpus: "1"
      test-command: sh test.sh
      results: results.xml
`;

async function pushTest(branch: string, script: string): Promise<void> {
  const directory = join(folder, "project");
  const git = gitIn(directory);
  await git("checkout", "--quiet", "-B", branch);
  writeFileSync(join(directory, "test.sh"), `${script}\n`);
  await git("commit", "--quiet", "--all", "--allow-empty", "--message", branch);
  await git("push", "--quiet", remoteOf(forge, repository), branch);
}

async function runOf(branch: string): Promise<ForgeRun | undefined> {
  const runs = await runsOf(forge, repository);
  return runs.find(({ path }) => path === `gpu.yml@refs/heads/${branch}`);
}

/** The run of a branch, as soon as it has ended, with its log. */
async function ended(branch: string): Promise<{ readonly run: ForgeRun; readonly log: string }> {
  await until(`the run of ${branch} has ended`, async () => (await runOf(branch))?.status === "completed");
  const run = (await runOf(branch)) as ForgeRun;
  const [job] = await jobsOf(forge, repository, run);
  return { run, log: await logOf(forge, repository, job!) };
}

const jobsNamespace = () => `${namespace.name}-jobs`;

async function testPods() {
  return (await listObjects(cluster, pods, { namespace: jobsNamespace() })).items;
}

/** Everything that a test can leave behind. */
async function leftInJobs(): Promise<readonly string[]> {
  const [left, ownPods, ownSecrets] = await Promise.all([
    listObjects(cluster, jobs, { namespace: jobsNamespace() }),
    testPods(),
    listObjects(cluster, secrets, { namespace: jobsNamespace() }),
  ]);
  return [...left.items, ...ownPods, ...ownSecrets.items].map(({ metadata }) => metadata?.name ?? "");
}

async function runnerPods() {
  return (await listObjects(cluster, pods, { labelSelector: "app.kubernetes.io/component=runner" })).items;
}

async function idleRunners(): Promise<readonly string[]> {
  const idle = (await runnerPods()).filter(({ metadata }) => metadata?.labels?.["gpu-ci/runner-state"] === "idle");
  return idle.map(({ metadata }) => metadata?.name ?? "");
}

async function uninstall(): Promise<void> {
  await helm(["uninstall", "gpu-ci", "--namespace", namespace.name, "--wait", "--ignore-not-found"]);
}

async function until(what: string, isReached: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 180_000; Date.now() < end; await wait(200)) if (await isReached()) return;
  throw new Error(`It never came about that ${what}.`);
}
