import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { createObject, getObject, listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import { configMaps, jobs, namespaces, nodes, type Pod, pods } from "../../lib/kubernetes/resource.ts";
import { type ApiRecorder, rightsUsed, startApiRecorder } from "../support/api-recorder.ts";
import { startForge } from "../support/forge.ts";
import { root } from "../support/house.ts";
import {
  accountKubeconfig,
  certificateAuthority,
  createRunnerNamespace,
  type RunnerNamespace,
} from "../support/installed-runners.ts";
import { prepareTimeoutMs, prepareTools } from "../support/prepare-tools.ts";
import { manifestOf, renderChart } from "../support/runner-chart.ts";
import { pushRunnerImage } from "../support/runner-image.ts";

const opened = new AsyncDisposableStack();
let runners: RunnerNamespace;
let recorder: ApiRecorder;
let env: NodeJS.ProcessEnv;
beforeAll(() => prepareTools("helm"), prepareTimeoutMs);
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-chart-controller-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const forge = await startForge();
  runners = opened.use(await createRunnerNamespace("chart-controller"));
  const { cluster, name } = runners;
  const image = await pushRunnerImage(process.env.REGISTRY ?? "", folder);
  const enforce = { "pod-security.kubernetes.io/enforce": "restricted" };
  await patchObject(cluster, namespaces, name, { patch: { metadata: { labels: enforce } } });
  await runners.install({
    replicas: 1,
    labels: ["nobody-asks-for-this"],
    forge: { kind: "gitea", url: forge.url, runnerUrl: await urlFromPods(forge.url), scope: "instance" },
    runner: { image, resources: { requests: { cpu: "10m", memory: "64Mi" }, limits: { cpu: "1", memory: "1Gi" } } },
  });

  // The controller runs here and not in a pod, with the chart's settings and account, so that its requests can be seen.
  recorder = opened.use(await startApiRecorder(cluster.server, certificateAuthority()));
  const settings = (await getObject(cluster, configMaps, "gpu-ci-config"))?.data?.["runners.yaml"] ?? "";
  const file = async (path: string, text: string) => {
    await writeFile(join(folder, path), text, { mode: 0o600 });
    return join(folder, path);
  };
  env = {
    ...process.env,
    KUBECONFIG: await file("kubeconfig", await accountKubeconfig(runners, "gpu-ci-controller", recorder.url)),
    GPU_CI_RUNNERS_CONFIG: await file("runners.yaml", settings),
    GPU_CI_RUNNERS_TOKEN_FILE: await file("token", forge.token),
  };
});
afterAll(() => opened.disposeAsync());

describe("the runners' controller under the chart's settings and rights", () => {
  it("keeps a registered runner that passes Pod Security restricted and the image policy, drains and resumes", async () => {
    const stop = startController();
    const first = await idleRunner();
    expect(first.spec?.containers[0]?.env).toContainEqual({
      name: "KUBECONFIG",
      value: "/etc/gpu-ci/kubeconfig/config",
    });
    expect(first.metadata?.ownerReferences?.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "ConfigMap gpu-ci-runners",
    ]);
    await setState("DrainAndSuspend");
    await expect.poll(runnerPods, waiting).toEqual([]);
    await setState("Running");
    const second = await idleRunner();
    expect(second.metadata?.name).not.toBe(first.metadata?.name);
    await stop();
  });

  it("finds its runner again when it is started anew, removes the Job of one that is gone, and ends its own", async () => {
    const before = (await idleRunner()).metadata?.name ?? "";
    await startJob("followed", before);
    await startJob("abandoned", before.replace(/\w+$/, "gone"));
    const seen = recorder.requests.length;
    const stop = startController();
    const asked = () => rightsUsed(recorder.requests.slice(seen));
    await expect.poll(asked, waiting).toContain("get secrets");
    expect((await idleRunner()).metadata?.name).toBe(before);
    await expect.poll(jobNames, waiting).toEqual(["followed"]);
    await setState("DrainAndSuspend");
    await expect.poll(runnerPods, waiting).toEqual([]);
    await expect.poll(jobNames, waiting).toEqual([]);
    await stop();
  });

  it("was never refused, and used all that it is granted but events, which are for what goes wrong", async () => {
    const { requests } = recorder;
    expect(requests.filter(({ status }) => status === 401 || status === 403)).toEqual([]);
    const manifests = await renderChart(runners.values);
    const granted = (name: string) =>
      (manifestOf(manifests, "Role", name).rules ?? []).flatMap(({ resources, verbs }) =>
        resources.flatMap((resource) => verbs.map((verb) => `${verb} ${resource}`)),
      );
    const used = (namespace: string) => rightsUsed(requests.filter((request) => request.namespace === namespace));
    expect([...new Set([...used(runners.name), "create events"])].toSorted()).toEqual(
      granted("gpu-ci-controller").toSorted(),
    );
    expect(used(runners.jobs)).toEqual(granted("gpu-ci-controller-jobs").map((right) => `${right}.batch`));
  });
});

const waiting = { timeout: 120_000, interval: 250 };

/** Starts it; gives what ends it as a kubelet does, so that its runners stay. */
function startController(): () => Promise<void> {
  const controller = new AbortController();
  const running = exec(join(root, "bin/gpu-ci"), ["runners", "controller"], { env, signal: controller.signal });
  const ended = running.then(
    ({ stderr }) => Promise.reject(new Error(`The controller ended by itself: ${stderr}`)),
    (error: unknown) => (controller.signal.aborted ? undefined : Promise.reject(error)),
  );
  opened.defer(() => controller.abort());
  // Looked at when it is stopped.
  ended.catch(() => undefined);
  return async () => {
    controller.abort();
    await ended;
  };
}

async function runnerPods(): Promise<readonly Pod[]> {
  const labelSelector = "app.kubernetes.io/component=runner,gpu-ci/runner=gpu-ci";
  return (await listObjects(runners.cluster, pods, { labelSelector })).items;
}

async function idleRunner(): Promise<Pod> {
  const isIdle = ({ metadata }: Pod) =>
    metadata?.labels?.["gpu-ci/runner-state"] === "idle" && !metadata.deletionTimestamp;
  await expect.poll(async () => (await runnerPods()).filter(isIdle).length, waiting).toBe(1);
  return (await runnerPods()).find(isIdle) ?? {};
}

/** A Job as a test of that runner makes it. */
async function startJob(name: string, runner: string): Promise<void> {
  const labels = { "app.kubernetes.io/managed-by": "gpu-ci" };
  const container = { name: "test", image: runners.image, command: ["/bin/sleep", "600"] };
  const spec = { restartPolicy: "Never", terminationGracePeriodSeconds: 0, containers: [container] };
  const metadata = { name, labels, annotations: { "gpu-ci/runner-pod": runner } };
  const job = { metadata, spec: { backoffLimit: 0, template: { metadata: { labels }, spec } } };
  await createObject(runners.cluster, jobs, job, { namespace: runners.jobs });
}

async function jobNames(): Promise<readonly string[]> {
  const { items } = await listObjects(runners.cluster, jobs, { namespace: runners.jobs });
  return items.map(({ metadata }) => metadata?.name ?? "");
}

async function setState(state: string): Promise<void> {
  await patchObject(runners.cluster, configMaps, "gpu-ci-runners", { patch: { data: { STATE: state } } });
}

/** The forge listens on this machine, which is the cluster's node. */
async function urlFromPods(url: string): Promise<string> {
  const { items } = await listObjects(runners.cluster, nodes);
  const address = items[0]?.status?.addresses?.find(({ type }) => type === "InternalIP")?.address ?? "";
  return `http://${address}:${new URL(url).port}`;
}
