import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildFindings } from "../../../../cli/doctor/build-findings.ts";
import { engineFindings } from "../../../../cli/doctor/engine-findings.ts";
import type { Examination } from "../../../../cli/doctor/examination.ts";
import type { Finding } from "../../../../cli/doctor/finding.ts";
import { judgeDisk } from "../../../../cli/doctor/host-findings.ts";
import { machineGpuFindings } from "../../../../cli/doctor/machine-gpu-findings.ts";
import { refreshHoldFindings } from "../../../../cli/doctor/refresh-hold-findings.ts";
import { CommandError } from "../../../../lib/exec.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "gpu-ci-doctor-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** A machine that has these programs alone, each with what it prints; text that begins with `!` is an error. */
function machine(programs: Readonly<Record<string, string>>): Examination {
  return {
    exec: async (command, args) => {
      const stdout = programs[command];
      if (stdout === undefined) throw new CommandError(command, args, 127, "ENOENT");
      return stdout.startsWith("!")
        ? { stdout: stdout.slice(1), stderr: "", exitCode: 9 }
        : { stdout, stderr: "", exitCode: 0 };
    },
    env: {},
    now: () => new Date(0),
    root,
    lookMs: 1000,
  };
}

function writeConfiguration(file: string, text: string): void {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), text);
}

const brief = (findings: readonly Finding[]) => findings.map(({ topic, state, code }) => [topic, state, code]);
const gpu = { "nvidia-smi": "A100, 550.1, 40960 MiB\n", "nvidia-ctk": "NVIDIA Container Toolkit CLI version 1.17.8" };

describe("doctor on a machine", () => {
  it("calls a machine without a builder unfit, with the remedy", async () => {
    const [builder] = await buildFindings(machine({ "apt-get": "apt 2.6.1" }));
    expect(builder).toEqual({
      group: "builder",
      topic: "builder",
      state: "missing",
      code: "builder-missing",
      found: "neither buildah, BuildKit nor docker buildx",
      cause: undefined,
      remedy: "apt-get install -y buildah",
    });
  });

  it("misses a container engine only where no cluster is configured", async () => {
    const states = async (cluster: boolean) => (await engineFindings(machine({}), cluster)).map(({ state }) => state);
    expect([await states(false), await states(true)]).toEqual([["missing"], ["absent"]]);
  });

  it("takes runc for a container runtime", async () => {
    const programs = { podman: "podman version 4.3.1", runc: "runc version 1.1.5" };
    expect(brief(await engineFindings(machine(programs), false))).toEqual([
      ["container engine", "ok", undefined],
      ["container runtime", "ok", undefined],
    ]);
  });

  it.each([
    ["NVIDIA Container Toolkit CLI version 1.17.7", "toolkit-unsafe"],
    ["NVIDIA Container Toolkit CLI version 1.17.8", undefined],
    ["NVIDIA Container Toolkit CLI version 1.18.0", undefined],
    ["NVIDIA Container Toolkit CLI version 2.0.0", undefined],
    ["!no", "toolkit-missing"],
  ])("judges the toolkit %s as %s", async (version, code) => {
    const findings = await machineGpuFindings(machine({ ...gpu, "nvidia-ctk": version }), false);
    expect(findings.map((finding) => finding.code)).toEqual([undefined, code]);
  });

  it("needs no GPU of its own", async () => {
    expect(brief(await machineGpuFindings(machine({}), false))).toEqual([
      ["NVIDIA driver", "absent", "driver-missing"],
    ]);
  });

  it("tells a driver that was updated under a running kernel from one that does not work", async () => {
    const judge = async (said: string) => (await machineGpuFindings(machine({ "nvidia-smi": `!${said}\n` }), false))[0];
    expect(await judge("Failed to initialize NVML: Driver/library version mismatch")).toEqual({
      group: "gpus",
      topic: "NVIDIA driver",
      state: "limited",
      code: "driver-broken",
      found: "Failed to initialize NVML: Driver/library version mismatch",
      cause: "the driver was updated, the old one is still in the kernel",
      remedy: "Drain the runners and reboot.",
    });
    expect((await judge("No devices were found"))?.remedy).toMatch(/^Look at dmesg/);
  });

  it("finds the runtime nvidia in the template of microk8s", async () => {
    writeConfiguration(
      "var/snap/microk8s/current/args/containerd-template.toml",
      'BinaryName = "/usr/bin/nvidia-container-runtime"\n',
    );
    expect((await machineGpuFindings(machine(gpu), false)).at(-1)?.found).toBe("microk8s has the runtime nvidia");
  });

  it("misses the runtime in a containerd that knows neither nvidia nor CDI", async () => {
    writeConfiguration("etc/containerd/config.toml", "enable_cdi = true\n");
    expect(brief(await machineGpuFindings(machine(gpu), false)).at(-1)).toEqual([
      "GPU runtime",
      "limited",
      "gpu-runtime-not-configured",
    ]);
    writeConfiguration("var/run/cdi/nvidia.yaml", "cdiVersion: 0.6.0\n");
    expect((await machineGpuFindings(machine(gpu), false)).at(-1)?.found).toBe("containerd gives GPUs by CDI");
  });

  it("misses a CDI specification for podman, and tells one of an older driver", async () => {
    const judge = async () =>
      brief(await machineGpuFindings(machine({ ...gpu, podman: "podman version 4.3.1" }), false)).at(-1);
    expect(await judge()).toEqual(["GPUs for podman", "limited", "cdi-missing"]);
    writeConfiguration("etc/cdi/nvidia.yaml", "hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.535.183.01\n");
    expect(await judge()).toEqual(["GPUs for podman", "limited", "cdi-stale"]);
    writeConfiguration("etc/cdi/nvidia.yaml", "hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.550.1\n");
    expect(await judge()).toEqual(["GPUs for podman", "ok", undefined]);
  });

  it("finds the toolkit that the GPU operator has put on the machine", async () => {
    const place = join(root, "usr/local/nvidia/toolkit/nvidia-ctk");
    const { "nvidia-smi": smi, "nvidia-ctk": toolkit } = gpu;
    const [, found] = await machineGpuFindings(machine({ "nvidia-smi": smi, [place]: toolkit }), true);
    expect(found?.state).toBe("ok");
  });

  it("asks for held refreshes of the snap microk8s, and says nothing where there is no snap", async () => {
    const list = (notes: string) =>
      `Name      Version  Rev   Tracking     Publisher   Notes\nmicrok8s  v1.32.9  8148  1.32/stable  canonical✓  ${notes}\n`;
    expect(brief(await refreshHoldFindings(machine({ snap: list("classic") })))).toEqual([
      ["microk8s snap", "limited", "refresh-not-held"],
    ]);
    expect(brief(await refreshHoldFindings(machine({ snap: list("classic,held") })))).toEqual([
      ["microk8s snap", "ok", undefined],
    ]);
    expect(await refreshHoldFindings(machine({ snap: "!error: no matching snaps installed" }))).toEqual([]);
    expect(await refreshHoldFindings(machine({}))).toEqual([]);
  });
});

describe("disk space", () => {
  it.each([
    [1e9, "missing"],
    [10e9, "limited"],
    [100e9, "ok"],
  ])("of %d bytes is %s", (freeBytes, state) => {
    expect(judgeDisk({ group: "registry", topic: "registry disk" }, "/data", freeBytes).state).toBe(state);
  });
});
