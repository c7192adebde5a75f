import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/setup-microk8s/inputs.ts";
import { setupMicrok8s } from "../../../../actions/setup-microk8s/setup-microk8s.ts";
import { actionInput } from "../../../support/action-input.ts";
import { type MachineOptions, type Microk8sMachine, startMachine } from "../../../support/microk8s-machine.ts";

function setUp({ host }: Microk8sMachine, inputs: Record<string, string> = {}) {
  return setupMicrok8s(readInputs(actionInput("setup-microk8s", { addons: "", gpu: "required", ...inputs })), host);
}

async function failureOf(options: MachineOptions, inputs: Record<string, string> = {}): Promise<unknown> {
  await using machine = await startMachine(options);
  machine.set("installed", "1.32/stable");
  return await setUp(machine, inputs).then(
    () => "it is ready",
    (error: unknown) => error,
  );
}

describe("a required GPU", () => {
  it("is proven by a pod of the device plugin's own image, and the pod's Job is removed", async () => {
    await using machine = await startMachine({ gpus: 2 });
    machine.set("installed", "1.32/stable");
    expect(await setUp(machine)).toMatchObject({ gpuCount: 2, driverVersion: "580.95.05" });
    const jobs = machine.api.calls.filter(({ path }) => path.includes("/jobs"));
    expect(jobs.map(({ method }) => method)).toEqual(["POST", "DELETE"]);
    const { spec } = JSON.parse(jobs[0]?.body ?? "") as { spec: { template: { spec: unknown } } };
    expect(spec.template.spec).toMatchObject({
      automountServiceAccountToken: false,
      containers: [{ image: "nvcr.io/nvidia/k8s-device-plugin:v1", resources: { limits: { "nvidia.com/gpu": "1" } } }],
    });
  });

  it("that no device plugin offers fails at once with a reason", async () => {
    await using machine = await startMachine();
    const kubeconfig = readFileSync(`${machine.host.tempDirectory}/client.config`, "utf8");
    await expect(setUp(machine, { kubeconfig })).rejects.toMatchObject({ code: "gpu-missing" });
  });

  it("that pods see with runtime class nvidia alone passes, with the advice to set it", async () => {
    await using machine = await startMachine({ gpus: 1, gpuPod: "needs-class" });
    machine.set("installed", "1.32/stable");
    await setUp(machine);
    expect(machine.host.lines.filter((line) => line.startsWith("warning"))).toEqual([
      "warning: Pods see a GPU only with runtime class nvidia: set runtime-class to nvidia in run-k8s-gpu-test.",
    ]);
  });

  it.each<[string, MachineOptions, string, string]>([
    [
      "a plugin whose pod does not start",
      { gpus: 1, slowness: Number.POSITIVE_INFINITY },
      "addon-not-ready",
      "ImagePullBackOff",
    ],
    ["a plugin that sees no GPU", { gpus: 0 }, "gpu-not-seen", "(1 of 1 ready), but it sees no GPU"],
    [
      "GPUs of which none is healthy",
      { gpus: 2, unhealthyGpus: 2 },
      "gpu-unhealthy",
      "2 GPUs (nvidia.com/gpu), but none",
    ],
    [
      "a runtime that brings no driver",
      { gpus: 1, gpuPod: "no-runtime" },
      "gpu-runtime-missing",
      "executable file not found",
    ],
    ["a driver that does not work", { gpus: 1, gpuPod: "driver-fails" }, "gpu-driver-failing", "version mismatch"],
    ["a taint on the node", { gpus: 1, gpuPod: "no-node" }, "gpu-pod-unschedulable", "untolerated taint {team: other}"],
  ])("fails with its own reason: %s", async (_case, options, code, words) => {
    const isWaitedFor = ["addon-not-ready", "gpu-not-seen", "gpu-pod-unschedulable"].includes(code);
    expect(await failureOf(options, isWaitedFor ? { "wait-timeout": "6s" } : {})).toMatchObject({
      code,
      message: expect.stringContaining(words) as string,
    });
  });

  it("is asked for by gpu auto where the machine has NVIDIA's driver", async () => {
    await using machine = await startMachine({ gpus: 1 });
    machine.set("installed", "1.32/stable");
    machine.put("/proc/driver/nvidia/version", "NVRM version: 580.95.05\n");
    expect(await setUp(machine, { gpu: "auto" })).toMatchObject({ gpuCount: 1, driverVersion: "580.95.05" });
    expect(machine.changes()).toContain("microk8s enable nvidia");
  });
});

describe("a required GPU of a cluster that is only adopted", () => {
  async function adopt(options: MachineOptions) {
    await using machine = await startMachine({ enabled: ["nvidia"], slowness: 0, ...options });
    const kubeconfig = readFileSync(`${machine.host.tempDirectory}/client.config`, "utf8");
    const wanted = { kubeconfig, "wait-timeout": "4s" };
    const ended = await setUp(machine, wanted).catch((error: unknown) => error);
    return { ended, lines: machine.host.lines, jobs: machine.api.calls.filter(({ path }) => path.includes("/jobs")) };
  }

  it.each<[string, MachineOptions, string, string]>([
    [
      "a plugin that does not start",
      { slowness: Number.POSITIVE_INFINITY },
      "gpu-plugin-failing",
      "ImagePullBackOff: Back-off",
    ],
    [
      "a registration that is lost",
      { lostGpus: true },
      "gpu-registration-lost",
      "(1 of 1 ready): the kubelet has lost",
    ],
    ["a node that is not ready", { gpus: 2, nodeReady: false }, "gpu-node-not-ready", "2 GPUs, but 0 of 1 nodes"],
  ])("fails with its own reason: %s", async (_case, options, code, words) => {
    const { ended } = await adopt(options);
    expect(ended).toMatchObject({ code, message: expect.stringContaining(words) as string });
  });

  it("is not tried while others hold all of them, who are named", async () => {
    const { ended, lines, jobs } = await adopt({ gpus: 2, heldGpus: 2 });
    expect(ended).toMatchObject({ gpuCount: 2 });
    expect(lines).toContain("All GPUs are in use, so none was tried: others/training (2, since 2026-01-01T00:00:00Z).");
    expect(jobs).toEqual([]);
  });

  it("warns of those that are unhealthy", async () => {
    const { ended, lines } = await adopt({ gpus: 3, unhealthyGpus: 1 });
    expect(ended).toMatchObject({ gpuCount: 2 });
    expect(lines.filter((line) => line.startsWith("warning"))).toEqual([
      expect.stringContaining("Only 2 of the nodes' 3 GPUs can be given to pods"),
    ]);
  });
});
