import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createObject, deleteObject, listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import {
  type DaemonSet,
  daemonSets,
  events,
  type Node,
  nodes,
  pods,
  type Resource,
} from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { type DoctorRun, runDoctor } from "../support/doctor.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

const suffix = randomBytes(3).toString("hex");
/** GPUs of this test alone: an administrator may give a node any resource, and the scheduler treats it like a device plugin's. */
const resource = `gpu-ci.test/gpu-${suffix}`;
const emptyNode = `gpu-ci-doctor-${suffix}`;
const runtimeClasses: Resource<object> = {
  group: "node.k8s.io",
  version: "v1",
  plural: "runtimeclasses",
  kind: "RuntimeClass",
  namespaced: false,
};

let real: RealCluster;
let realNode = "";
let image = "";
beforeAll(async () => {
  real = await openRealCluster("doctor-gpus");
  image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "doctor/busybox" });
  realNode = (await listObjects(real.cluster, nodes)).items[0]?.metadata?.name ?? "";
});
afterAll(async () => {
  await offer(realNode, undefined, undefined);
  await real[Symbol.asyncDispose]();
});

/** Says how much of the resource a node has and gives. */
async function offer(node: string, capacity: number | undefined, allocatable: number | undefined): Promise<void> {
  const amount = (count: number | undefined) => ({ [resource]: count === undefined ? null : String(count) });
  const path = `/api/v1/nodes/${node}/status`;
  const body = { status: { capacity: amount(capacity), allocatable: amount(allocatable) } };
  await real.cluster.request({ method: "PATCH", path, body, contentType: "application/merge-patch+json" });
}

const examine = () => runDoctor(["--gpu-resource", resource, "--namespace", real.namespace]);

interface PluginOptions {
  readonly nodeSelector?: Record<string, string>;
  /** Default is an image with a shell. */
  readonly from?: string;
}

function devicePlugin(
  name: string,
  script: string,
  { nodeSelector = {}, from = image }: PluginOptions = {},
): DaemonSet {
  const labels = { plugin: name };
  const container = { name: "plugin", image: from, command: ["/bin/sh", "-c", script] };
  const spec = { nodeSelector, terminationGracePeriodSeconds: 0, containers: [container] };
  return { metadata: { name }, spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } } };
}

async function waitForPlugin(name: string, isReached: (plugin: DaemonSet) => boolean): Promise<void> {
  const options = { fieldSelector: `metadata.name=${name}`, signal: AbortSignal.timeout(60_000) };
  for await (const { object } of watchObjects(real.cluster, daemonSets, options)) if (isReached(object)) return;
}

describe("doctor on the GPUs of a cluster", () => {
  it("says that nothing offers GPUs", async () => {
    const { findings } = await examine();
    expect(findings.find(({ topic }) => topic === "GPUs")).toEqual({
      group: "gpus",
      topic: "GPUs",
      state: "limited",
      // Another one's device plugin may run here.
      code: expect.stringMatching(/^(gpu-stack-missing|plugin-sees-no-gpu)$/),
      found: expect.stringMatching(new RegExp(`^none of \\d+ nodes? offers ${resource}`)),
      cause: expect.any(String),
      remedy: expect.any(String),
      fixed: false,
    });
  });

  it("names the pod that holds the only GPU, and calls a runner that does so a deadlock", async () => {
    await offer(realNode, 1, 1);
    const requests = { [resource]: "1" };
    const container = {
      name: "main",
      image,
      command: ["/bin/sleep", "600"],
      resources: { requests, limits: requests },
    };
    const spec = { terminationGracePeriodSeconds: 0, restartPolicy: "Never", containers: [container] };
    await createObject(real.cluster, pods, { metadata: { name: "holder" }, spec });
    await real.waitForPod("holder", ({ status }) => status?.phase === "Running");
    const busy = await examine();
    expect(busy.withCode("gpus-busy").map(({ found, state }) => [state, found.replace(/, for .*\)/, ")")])).toEqual([
      ["limited", `all 1 ${resource} are held: ${real.namespace}/holder (1)`],
    ]);
    const patch = { metadata: { labels: { "actions-ephemeral-runner": "True" } } };
    await patchObject(real.cluster, pods, "holder", { patch });
    const deadlock = await examine();
    expect(deadlock.exitCode).toBe(1);
    expect(deadlock.withCode("runner-deadlock").map(({ state, remedy }) => [state, remedy])).toEqual([
      ["missing", `Take ${resource} out of the runner's pod template: the Jobs ask for it themselves.`],
    ]);
    await deleteObject(real.cluster, pods, "holder", { gracePeriodSeconds: 0 });
  });

  it("tells a node whose plugin has lost its registration", async () => {
    await offer(realNode, 0, 0);
    expect((await examine()).withCode("plugin-registration-lost").map(({ found }) => found)).toEqual([
      `${realNode} knows ${resource}, but has 0 of it`,
    ]);
    await offer(realNode, undefined, undefined);
  });

  it("tells unhealthy GPUs, and nodes that are away, short of disk or cordoned", async () => {
    // No kubelet is behind this node, and no pod goes there.
    const taints = [{ key: "gpu-ci.test/doctor", effect: "NoExecute" }];
    const node: Node = { metadata: { name: emptyNode }, spec: { unschedulable: true, taints } };
    await createObject(real.cluster, nodes, node);
    try {
      await offer(emptyNode, 4, 3);
      const away = await examine();
      expect(away.withCode("gpu-unhealthy").map(({ found, cause }) => [found, cause])).toEqual([
        [
          `${emptyNode} has 4 ${resource}, of which 3 can be given to pods`,
          "1 unhealthy: the device plugin saw a critical Xid error, or the node withdrew them",
        ],
      ]);
      expect(nodesWith(away, "node-not-ready")).toContain(emptyNode);
      await report([{ type: "Ready", status: "True" }]);
      expect(nodesWith(await examine(), "node-cordoned")).toContain(emptyNode);
      await report([
        { type: "Ready", status: "True" },
        { type: "DiskPressure", status: "True" },
      ]);
      expect(nodesWith(await examine(), "node-pressure")).toContain(emptyNode);
    } finally {
      await deleteObject(real.cluster, nodes, emptyNode);
    }
  });

  it("quotes a device plugin that does not start, and tells one that runs without a GPU", async () => {
    const broken = `gpu-device-plugin-broken-${suffix}`;
    const script = "echo 'NVML: driver not loaded' >/dev/termination-log; exit 3";
    await createObject(real.cluster, daemonSets, devicePlugin(broken, script));
    await createObject(
      real.cluster,
      daemonSets,
      devicePlugin(`gpu-device-plugin-lost-${suffix}`, "exit", { nodeSelector: { no: "where" } }),
    );
    await waitForCrash(broken);
    const first = await examine();
    const own = (code: string) => first.withCode(code).filter(({ found }) => found.startsWith(`${real.namespace}/`));
    expect(own("plugin-not-ready").map(({ cause }) => cause)).toEqual([
      expect.stringContaining("ended with exit code 3: NVML: driver not loaded"),
    ]);
    expect(own("plugin-nowhere")).toHaveLength(1);
    await deleteObject(real.cluster, daemonSets, broken);
    const blind = `gpu-device-plugin-blind-${suffix}`;
    await createObject(real.cluster, daemonSets, devicePlugin(blind, "sleep 600"));
    await waitForPlugin(blind, ({ status }) => status?.numberReady === 1);
    expect((await examine()).withCode("plugin-sees-no-gpu").map(({ found }) => found)).toEqual([
      expect.stringContaining(`${real.namespace}/${blind}`),
    ]);
  });

  it("reads the toolkit's version from what the GPU operator runs on nodes", async () => {
    const name = `nvidia-container-toolkit-${suffix}`;
    const nodeSelector = { no: "where" };
    const operator = "nvcr.io/nvidia/k8s/container-toolkit";
    await createObject(
      real.cluster,
      daemonSets,
      devicePlugin(name, "exit", { nodeSelector, from: `${operator}:v1.17.4-ubuntu20.04` }),
    );
    expect((await examine()).withCode("toolkit-unsafe").map(({ found }) => found)).toContain(
      `1.17.4 on nodes, by ${real.namespace}/${name}`,
    );
    await deleteObject(real.cluster, daemonSets, name);
  });

  it("names the runtime that a node does not have", async () => {
    const handler = `nvidia-${suffix}`;
    await createObject(real.cluster, runtimeClasses, { metadata: { name: handler }, handler });
    try {
      const spec = { runtimeClassName: handler, containers: [{ name: "main", image }] };
      await createObject(real.cluster, pods, { metadata: { name: "handled" }, spec });
      await waitForSandboxEvent();
      expect((await examine()).withCode("runtime-handler-missing").map(({ cause }) => cause)).toContainEqual(
        expect.stringMatching(new RegExp(`^containerd on .+ has no runtime ${handler}$`)),
      );
    } finally {
      await deleteObject(real.cluster, runtimeClasses, handler);
      await deleteObject(real.cluster, pods, "handled", { gracePeriodSeconds: 0 });
    }
  });
});

/** Speaks for the kubelet that is not there. */
async function report(conditions: readonly { readonly type: string; readonly status: string }[]): Promise<void> {
  const path = `/api/v1/nodes/${emptyNode}/status`;
  const body = { status: { conditions } };
  await real.cluster.request({ method: "PATCH", path, body, contentType: "application/merge-patch+json" });
}

function nodesWith(run: DoctorRun, code: string): readonly (string | undefined)[] {
  return run.withCode(code).map(({ found }) => found.split(" ", 1)[0]);
}

async function waitForCrash(plugin: string): Promise<void> {
  const options = { labelSelector: `plugin=${plugin}`, signal: AbortSignal.timeout(60_000) };
  for await (const { object } of watchObjects(real.cluster, pods, options)) {
    const [container] = object.status?.containerStatuses ?? [];
    if (container?.state?.terminated ?? container?.lastState?.terminated) return;
  }
}

async function waitForSandboxEvent(): Promise<void> {
  const options = { fieldSelector: "reason=FailedCreatePodSandBox", signal: AbortSignal.timeout(60_000) };
  for await (const { type } of watchObjects(real.cluster, events, options)) if (type === "ADDED") return;
}
