import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { identifyProcess, processState } from "../../../../lib/engine/run-process.ts";

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
    expect([await identifyProcess("/nowhere"), await processState(here.join("/"), "/nowhere")]).toEqual([
      undefined,
      "unknown",
    ]);
  });
});
