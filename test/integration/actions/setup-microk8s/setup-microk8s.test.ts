import { existsSync, readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/setup-microk8s/inputs.ts";
import { setupMicrok8s } from "../../../../actions/setup-microk8s/setup-microk8s.ts";
import { undoSetup } from "../../../../actions/setup-microk8s/undo-setup.ts";
import { actionInput } from "../../../support/action-input.ts";
import { type Microk8sMachine, startMachine } from "../../../support/microk8s-machine.ts";

function setUp({ host }: Microk8sMachine, inputs: Record<string, string> = {}) {
  return setupMicrok8s(readInputs(actionInput("setup-microk8s", { addons: "dns", gpu: "off", ...inputs })), host);
}

const install = "snap install microk8s --classic --channel=1.32/stable";
const ledger = "/var/lib/gpu-ci/setup/ledger.json";
const hold = "snap refresh --hold=forever microk8s";

describe("a machine without a cluster", () => {
  it("gets microk8s, its addons one after the other, each waited for, and post undoes what was done", async () => {
    await using machine = await startMachine({ gpus: 2, slowness: 2 });
    machine.set("trouble", "busy\nseeding\nstore-away\n");
    machine.set("starting", "1");
    machine.set("enable-busy", "1");
    const outputs = await setUp(machine, { addons: "dns\nregistry", gpu: "required", "remove-on-post": "true" });
    expect(outputs).toEqual({
      kubeconfig: outputs.kubeconfig,
      version: "v1.32.9",
      channel: "1.32/stable",
      created: true,
      nodeIp: "10.0.0.7",
      registryPush: new URL(machine.api.url).host.replace("127.0.0.1", "localhost"),
      registryPull: new URL(machine.api.url).host.replace("127.0.0.1", "localhost"),
      gpuCount: 2,
      gpuProducts: ["Fake-GPU"],
      driverVersion: "580.95.05",
      cudaVersion: undefined,
    });
    expect(machine.changes()).toEqual([
      install,
      install,
      install,
      install,
      hold,
      "microk8s enable dns",
      "microk8s enable dns",
      "microk8s enable registry:size=20Gi",
      "microk8s enable nvidia",
    ]);
    expect(statSync(outputs.kubeconfig).mode & 0o777).toBe(0o600);
    expect(
      machine.host.lines
        .filter((line) => line.includes("; trying again in"))
        .map((line) => line.replace(/trying again in .*: error/, "…")),
    ).toEqual([
      'snap install microk8s: snapd is busy with another change; …: snap "microk8s" has "service-control" change in progress',
      "snap install microk8s: snapd has not finished its own first start (seeding); …: too early for operation, device not yet seeded or device model not acknowledged",
      "snap install microk8s: the snap store cannot be reached or fails; …: unable to contact snap store",
      'microk8s enable dns: snapd is busy with another change; …: cannot perform the following tasks: snap "microk8s" has "service-control" change in progress',
    ]);

    await undoSetup(machine.host);
    expect(machine.changes().at(-1)).toBe("snap remove --purge microk8s");
    expect([existsSync(outputs.kubeconfig), machine.has("installed"), machine.file(ledger)]).toEqual([
      false,
      false,
      undefined,
    ]);
    await undoSetup(machine.host);
    expect(machine.host.lines.filter((line) => line.startsWith("warning"))).toEqual([]);
  }, 60_000);

  it("without snapd is told what to do", async () => {
    await using machine = await startMachine({}, ["microk8s", "sudo"]);
    await expect(setUp(machine)).rejects.toMatchObject({ code: "snap-missing" });
  });

  it("is never given one that nobody asked for", async () => {
    await using machine = await startMachine();
    await expect(setUp(machine, { distribution: "existing" })).rejects.toMatchObject({ code: "kubeconfig-missing" });
    expect(machine.changes()).toEqual([]);
  });

  it("keeps what failed half-way to what it was", async () => {
    await using machine = await startMachine();
    machine.set("trouble", "no-channel\n");
    await expect(setUp(machine, { "remove-on-post": "true" })).rejects.toMatchObject({ code: "channel-missing" });
    await undoSetup(machine.host);
    expect([machine.changes(), machine.file(ledger)]).toEqual([[install], undefined]);
  });
});

describe("a snapd that stays in trouble until the time is up", () => {
  it.each([
    ["refreshing", "snap-busy", 'snap "microk8s" has "auto-refresh" change in progress'],
    ["seeding", "snap-not-seeded", "device not yet seeded"],
    ["away", "snapd-away", "connect: connection refused"],
    ["store-away", "snap-store-unreachable", "unable to contact snap store"],
  ])("is named: %s", async (trouble, code, said) => {
    await using machine = await startMachine();
    machine.set("trouble", `always ${trouble}\n`);
    const error: unknown = await setUp(machine, { "wait-timeout": "2s" }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, retryable: true, message: expect.stringContaining(said) as string });
    expect(machine.has("installed")).toBe(false);
  });
});

describe("a machine that has microk8s", () => {
  it("keeps its channel, its hold and its running addons", async () => {
    await using machine = await startMachine();
    machine.set("installed", "1.34/stable");
    machine.set("held", "");
    const outputs = await setUp(machine, { addons: "" });
    await undoSetup(machine.host);
    expect({ ...outputs, kubeconfig: "" }).toMatchObject({ channel: "1.34/stable", created: false });
    expect(machine.host.lines).toContain(
      "warning: It follows 1.34/stable, not 1.32/stable: an installed cluster is never changed.",
    );
    expect([machine.changes(), machine.has("held"), machine.has("installed")]).toEqual([[], true, true]);
  });

  it("lets it refresh again in post when it was held back for this job only", async () => {
    await using machine = await startMachine();
    machine.set("installed", "1.32/stable");
    await setUp(machine, { addons: "" });
    expect(machine.has("held")).toBe(true);
    await undoSetup(machine.host);
    expect([machine.has("held"), machine.has("installed")]).toEqual([false, true]);
  });
});

describe("an addon", () => {
  it("that calls itself enabled but never runs is named, with what its pod waits for", async () => {
    await using machine = await startMachine({ slowness: Number.POSITIVE_INFINITY });
    machine.set("installed", "1.32/stable");
    await expect(setUp(machine, { "wait-timeout": "4s" })).rejects.toThrow(
      /^Addon dns is not ready after .*: Deployment kube-system\/coredns \(0 of 1 ready\)\.\nPod kube-system\/coredns-abc: ImagePullBackOff: Back-off pulling image$/,
    );
  });

  it("leaves a report of what is not ready, and the outputs that are known", async () => {
    await using machine = await startMachine({ slowness: Number.POSITIVE_INFINITY });
    machine.set("installed", "1.32/stable");
    await expect(setUp(machine, { "wait-timeout": "3s" })).rejects.toMatchObject({ code: "addon-not-ready" });
    expect(machine.host.lines).toContain("Deployment kube-system/coredns: 0 of 1 ready");
    expect(machine.host.lines).toContain("Pod kube-system/coredns-abc: ImagePullBackOff: Back-off pulling image");
    expect(machine.host.outputs).toMatchObject({ channel: "1.32/stable", created: "false" });
  });

  it("may restart the API server while it is waited for", async () => {
    await using machine = await startMachine({ away: 3 });
    machine.set("installed", "1.32/stable");
    expect(await setUp(machine)).toMatchObject({ created: false });
  });

  it("that we do not know is waited for by what its enabling adds", async () => {
    await using machine = await startMachine({ slowness: 2 });
    machine.set("installed", "1.32/stable");
    await setUp(machine, { addons: "dashboard" });
    expect(machine.host.lines.filter((line) => line.startsWith("Addon dashboard: waiting for"))).toEqual([
      expect.stringContaining("Deployment kube-system/kubernetes-dashboard (0 of 1 ready)"),
    ]);
  });

  it("that cannot be enabled ends the wait at once", async () => {
    await using machine = await startMachine();
    machine.set("installed", "1.32/stable");
    machine.set("enable-fails", "dns");
    await expect(setUp(machine)).rejects.toMatchObject({ code: "addon-failed" });
  });
});

describe("a cluster that is configured", () => {
  it("is adopted as it is: nothing is installed, enabled or held", async () => {
    await using machine = await startMachine({ gpus: 1 });
    machine.set("installed", "1.32/stable");
    const kubeconfig = readFileSync(`${machine.host.tempDirectory}/client.config`, "utf8");
    const outputs = await setUp(machine, { kubeconfig, gpu: "auto" });
    expect(outputs).toMatchObject({
      version: "v1.32.9",
      channel: undefined,
      created: false,
      nodeIp: "10.0.0.7",
      gpuCount: 0,
    });
    expect(machine.changes()).toEqual([]);
  });
});

describe("a cancel", () => {
  it("while snapd is busy ends the wait with its own reason, and post has nothing to remove", async () => {
    const controller = new AbortController();
    await using machine = await startMachine({ signal: controller.signal });
    machine.set("trouble", "always busy\n");
    const reason = new Error("cancelled by the test");
    setTimeout(() => controller.abort(reason), 1500);
    await expect(setUp(machine)).rejects.toBe(reason);
    expect(machine.has("installed")).toBe(false);
  });
});
