import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { podmanEnvironment } from "../../../../lib/engine/podman-environment.ts";
import { DomainError } from "../../../../lib/error.ts";
import type { Exec } from "../../../../lib/exec.ts";
import { silentLog } from "../../../../lib/log.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-unit-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

/** A podman that fails with each fault until the configuration holds its remedy. */
async function probeWith(faults: readonly (readonly [fault: string, remedy: RegExp])[]) {
  const said: string[] = [];
  const exec: Exec = async (command, _args, options) => {
    if (command !== "podman") return { stdout: "/usr/sbin/runc\n", stderr: "", exitCode: 0 };
    const path = options?.env?.CONTAINERS_CONF;
    const text = `${path === undefined ? "" : await readFile(path, "utf8")}${options?.env?.STORAGE_DRIVER ?? ""}`;
    const fault = faults.find(([, remedy]) => !remedy.test(text));
    return { stdout: "", stderr: `Error: ${fault?.[0]}\n`, exitCode: fault ? 126 : 0 };
  };
  const log = { ...silentLog, info: (message: string) => void said.push(message) };
  const env = await podmanEnvironment({ exec, env: { A: "1" }, tempDirectory: folder, log });
  const conf = env.CONTAINERS_CONF === undefined ? undefined : await readFile(env.CONTAINERS_CONF, "utf8");
  return { env, conf, said };
}

describe("The podman environment", () => {
  it("is the caller's own where podman works", async () => {
    expect(await probeWith([])).toEqual({ env: { A: "1" }, conf: undefined, said: [] });
    expect(await readdir(folder)).toEqual([]);
  });

  it("has runc and explicit ulimits where limits cannot be raised and crun refuses the cgroups, and says so in one line", async () => {
    const { conf, said } = await probeWith([
      ["crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted", /nofile=\d+:\d+/],
      ["OCI runtime error: crun: cgroups in hybrid mode not supported", /runtime = "runc"/],
    ]);
    expect(conf).toMatch(
      /^\[containers\]\ndefault_ulimits = \["nofile=\d+:\d+","nproc=\d+:\d+"\]\n\[engine\]\nruntime = "runc"\n$/,
    );
    expect(said).toEqual([
      "podman on this machine: explicit ulimits, because limits cannot be raised here; runtime runc, because crun refuses the cgroups of this machine.",
    ]);
  });

  it.each([
    ["runc: error setting rlimits for ready process", /nofile=1024:1024/],
    ["creating cgroup directory: read-only file system", /cgroups = "disabled"/],
    ["unable to connect to systemd via dbus", /cgroup_manager = "cgroupfs"/],
    ["netavark: iptables: not found", /netns = "(host|none)"/],
    ["netavark: cannot even join the network of the host", /netns = "none"/],
    ["kernel does not support overlay fs", /vfs/],
  ])("works around %j", async (fault, remedy) => {
    expect((await probeWith([[fault, remedy]])).said).toHaveLength(1);
  });

  it("names the fault that has no way around", async () => {
    const failing = probeWith([["newuidmap: no subuid ranges found", /never/]]);
    await expect(failing).rejects.toBeInstanceOf(DomainError);
    await expect(failing).rejects.toThrow(
      "podman cannot start a container on this machine: Error: newuidmap: no subuid ranges found",
    );
    await expect(probeWith([["crun: cgroups in hybrid mode", /never/]])).rejects.toThrow("cgroups in hybrid mode");
  });
});
