import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../../support/house.ts";

/** Runs a story in a process of its own, whose output nobody reads any more when it begins to say much. */
async function runUnread(story: string): Promise<number | null> {
  const program = `import { run } from ${JSON.stringify(join(root, "lib/action/run.ts"))}; await run(${story});`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], { stdio: ["pipe", "pipe", "ignore"] });
  await once(child.stdout, "data");
  child.stdout.destroy();
  await once(child.stdout, "close");
  child.stdin.end("go on\n");
  const [code] = (await once(child, "close")) as [number | null];
  return code;
}

describe("run", () => {
  it("gives the story's own exit code also when nobody reads the output any more", async () => {
    const story = `async (host) => {
      host.log.info("begun");
      for await (const _ of process.stdin);
      await host.console(Buffer.alloc(100_000)).catch(() => {});
      host.log.info("said to nobody");
      await new Promise((resolve) => setTimeout(resolve, 50));
      return 143;
    }`;
    expect(await runUnread(story)).toBe(143);
  });

  it("keeps the error's exit code when the outputs cannot be written", () => {
    const program = `import { run } from ${JSON.stringify(join(root, "lib/action/run.ts"))};
      await run(() => Promise.reject(new Error("first")), () => { throw new Error("disk full"); });`;
    const { status, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      encoding: "utf8",
    });
    expect([status, stdout.split("\n").filter(Boolean)]).toEqual([
      3,
      ["::warning::The outputs could not be written: disk full", expect.stringMatching(/^::error::Error: first/)],
    ]);
  });
});
