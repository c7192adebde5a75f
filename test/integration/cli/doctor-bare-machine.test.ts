import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { judgeProbe } from "../../../cli/doctor/probe-judgement.ts";
import { runnerFindings } from "../../../cli/doctor/runner-findings.ts";
import { exec } from "../../../lib/exec.ts";
import type { PrintedFinding } from "../../support/doctor.ts";
import { root } from "../../support/house.ts";
import { startKubernetesApi } from "../../support/kubernetes-api.ts";
import { startRegistry } from "../../support/registry.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-bare-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Puts a program on the PATH of this machine, which has no other. */
function program(name: string, line: string): void {
  writeFileSync(join(folder, name), `#!/bin/sh\necho '${line}'\n`, { mode: 0o755 });
}

/** Code and state of all that doctor finds; `before` are words of a command that starts it. */
async function examine(
  options: { before?: readonly string[]; env?: NodeJS.ProcessEnv; args?: readonly string[] } = {},
) {
  const { before = [], env = {}, args = [] } = options;
  const [command = "", ...words] = [
    ...before,
    process.execPath,
    join(root, "cli/main.ts"),
    "doctor",
    "--json",
    ...args,
  ];
  const { stdout } = await exec(command, words, {
    env: { PATH: folder, HOME: folder, ...env },
    ignoreExitCode: true,
  });
  const { findings } = JSON.parse(stdout) as { findings: readonly PrintedFinding[] };
  return new Map(findings.flatMap(({ code, state }) => (code === null ? [] : [[code, state] as const])));
}

describe("gpu-ci doctor on a machine that has next to nothing", () => {
  it("names each program that is missing", async () => {
    const found = await examine();
    const named = ["git", "driver", "builder", "debootstrap", "apt", "engine"].map((name) => `${name}-missing`);
    expect(named.map((code) => [code, found.get(code)])).toEqual([
      ["git-missing", "missing"],
      ["driver-missing", expect.any(String)],
      ["builder-missing", "missing"],
      ["debootstrap-missing", "absent"],
      ["apt-missing", "limited"],
      ["engine-missing", "missing"],
    ]);
  });

  it("says that a driver alone is not enough, nor an engine without a runtime", async () => {
    program("nvidia-smi", "NVIDIA A100, 550.1, 40960 MiB");
    program("podman", "podman version 4.3.1");
    const found = await examine();
    expect(found.get("toolkit-missing")).toBeDefined();
    expect(found.get("runtime-missing")).toBe("missing");
    expect([found.has("driver-missing"), found.has("engine-missing")]).toEqual([false, false]);
  });

  it("says who may install packages: neither root nor sudo here", async () => {
    program("apt-get", "apt 2.6.1 (amd64)");
    const nobody = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    await exec("chmod", ["755", folder]);
    expect((await examine({ before: process.getuid?.() === 0 ? nobody : [] })).get("not-root")).toBe("limited");
  });

  it("sees a disk that is full", async () => {
    const disk = mkdtempSync(join(tmpdir(), "gpu-ci-disk-"));
    await exec("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]);
    try {
      expect((await examine({ env: { TMPDIR: disk } })).get("disk-full")).toBe("missing");
    } finally {
      await exec("umount", [disk]);
      rmSync(disk, { recursive: true });
    }
  });
});

describe("gpu-ci doctor in a cluster that is new", () => {
  it("has no image to try with, and finds no runners", async () => {
    await using registry = await startRegistry();
    await using api = await startKubernetesApi(({ path }, reply) => {
      if (path === "/version") reply.json({ gitVersion: "v1.35.8" });
      else reply.json({ metadata: {}, items: [] });
    });
    writeFileSync(join(folder, "kubeconfig"), api.kubeconfig());
    const args = ["--probe", "--kubeconfig", join(folder, "kubeconfig"), "--registry", registry.host];
    expect((await examine({ args })).get("probe-without-image")).toBe("absent");
    const options = { now: new Date(), signal: AbortSignal.timeout(30_000), namespace: "ci" };
    const codes = (await runnerFindings(await api.connect(), options)).map(({ code }) => code);
    expect(codes).toContain("runners-absent");
  });

  it("says why the pod of its probe never started", () => {
    const conditions = [
      { type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes: cordoned" },
    ];
    const pod = { metadata: { name: "probe" }, status: { phase: "Pending", conditions } };
    const [finding] = judgeProbe(pod, { image: "localhost:32000/a@sha256:0", inCluster: undefined });
    expect([finding?.code, finding?.found]).toEqual([
      "probe-not-started",
      expect.stringContaining("0/1 nodes: cordoned"),
    ]);
  });
});
