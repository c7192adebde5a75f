import { describe, expect, it } from "vitest";
import { createSharedConsole } from "../../../../actions/run-k8s-gpu-test/shared-console.ts";

async function shown(env: NodeJS.ProcessEnv, body: (console: ReturnType<typeof createSharedConsole>) => Promise<void>) {
  const chunks: Uint8Array[] = [];
  const console = createSharedConsole(["geheim"], {
    console: async (bytes) => void chunks.push(Uint8Array.from(bytes)),
    env,
  });
  await body(console);
  await console.end();
  return Buffer.concat(chunks).toString();
}
const bytes = (text: string) => Buffer.from(text);

describe("createSharedConsole", () => {
  it("shows whole lines of each shard behind its prefix, however their bytes were cut and mixed", async () => {
    const text = await shown({}, async (console) => {
      const [a, b] = [console.shard("[0] "), console.shard("[1] ")];
      await Promise.all([a.push(bytes("on")), b.push(bytes("x\ny")), a.push(bytes("e\ntwo\nth"))]);
      await Promise.all([b.end(), a.push(bytes("ree"))]);
      await a.end();
    });
    expect(text.split("\n").toSorted()).toEqual(["", "[0] one", "[0] three", "[0] two", "[1] x", "[1] y"]);
  });

  it("cuts a line without an end, so that it is seen and memory stays small", async () => {
    const text = await shown({}, async (console) => {
      const shard = console.shard("[0] ");
      await shard.push(bytes("x".repeat(70_000)));
      await shard.push(bytes("y\n"));
    });
    const lines = text.trimEnd().split("\n");
    expect(lines.every((line) => line.startsWith("[0] ") && line.length < 16_100)).toBe(true);
    expect(lines.map((line) => line.slice(4)).join("")).toBe(`${"x".repeat(70_000)}y`);
  });

  it("has one fence for all shards, and masks in each", async () => {
    const text = await shown({ GITHUB_ACTIONS: "true" }, async (console) => {
      const shards = ["[0] ", "[1] "].map((prefix) => console.shard(prefix));
      await Promise.all(shards.map((shard) => shard.push(bytes("geheim\n"))));
    });
    expect(text.match(/::stop-commands::/g)).toHaveLength(1);
    expect(text).toMatch(/^::stop-commands::(\d+)\n\[0\] \*\*\*\n\[1\] \*\*\*\n::\1::\n$/);
  });

  it("passes a single test's bytes on as they are", async () => {
    expect(await shown({}, (console) => console.shard("").push(bytes("a\nb\n")))).toBe("a\nb\n");
  });
});
