import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { identifyProcess, processState } from "../../../../lib/engine/run-process.ts";

/** The state of this very process where its folder in /proc cannot be read, as with hidepid. */
async function hiddenProcess([boot = "", namespace]: readonly string[]) {
  const proc = await mkdtemp(join(tmpdir(), "gpu-ci-proc-"));
  await mkdir(join(proc, "sys/kernel/random"), { recursive: true });
  await mkdir(join(proc, "self/ns"), { recursive: true });
  await writeFile(join(proc, "sys/kernel/random/boot_id"), boot);
  await writeFile(join(proc, "self/stat"), await readFile("/proc/self/stat"));
  await symlink(`pid:[${namespace}]`, join(proc, "self/ns/pid"));
  const state = await processState(`${boot}/${namespace}/${process.pid}/1`, proc);
  await rm(proc, { recursive: true });
  return state;
}

describe("a process that follows a run", () => {
  it("is told alive from gone, and from one that has its number by chance", async () => {
    const child = spawn("sleep", ["60"]);
    await once(child, "spawn");
    const identity = (await identifyProcess("/proc", String(child.pid))) ?? "";
    const whileAlive = await processState(identity);
    child.kill("SIGKILL");
    await once(child, "exit");
    const another = (await identifyProcess())?.replace(/\d+$/, "1");
    expect([whileAlive, await processState(identity), await processState(another)]).toEqual(["alive", "gone", "gone"]);
  });

  it("is unknown on another machine, after its boot, in another container, and where nobody told", async () => {
    const here = (await identifyProcess())?.split("/") ?? [];
    const elsewhere = ["0".repeat(36), ...here.slice(1)].join("/");
    const contained = [here[0], "1", ...here.slice(2)].join("/");
    const states = await Promise.all([elsewhere, contained, "", undefined].map((identity) => processState(identity)));
    expect(states).toEqual(["unknown", "unknown", "unknown", "unknown"]);
    const hidden = await hiddenProcess(here);
    expect([hidden, await processState(`${here.slice(0, 2).join("/")}/999999999/1`)]).toEqual(["unknown", "gone"]);
    expect([await identifyProcess("/nowhere"), await processState(here.join("/"), "/nowhere")]).toEqual([
      undefined,
      "unknown",
    ]);
  });
});
