import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { relayLog } from "../../../../actions/run-k8s-gpu-test/relay-log.ts";
import { createSharedConsole } from "../../../../actions/run-k8s-gpu-test/shared-console.ts";
import { createTestHost } from "../../../support/test-host.ts";

async function* chunks(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text);
}

describe("relayLog", () => {
  it("gives the file the bytes as they are and the console safe lines, secrets to neither", async () => {
    await using host = createTestHost({ env: {} });
    const file = join(host.tempDirectory, "test.log");
    const console = createSharedConsole(["hunter2"], host);
    const log = chunks("one\r\u001b[2Ktwo hun", "ter2\n", "end");
    expect(await relayLog({ log, file, secrets: ["hunter2"], console: console.shard("") })).toBeUndefined();
    await console.end();
    expect(await readFile(file, "utf8")).toBe("one\r\u001b[2Ktwo ***\nend");
    expect(host.consoleText()).toBe("two ***\nend\n");
  });

  it("reads no further while the console has not taken what came before", async () => {
    await using host = createTestHost({ env: {} });
    let pulled = 0;
    const endless = async function* () {
      for (;;) {
        pulled++;
        yield Buffer.from("a line\n");
        if (pulled > 100) return;
      }
    };
    const gate = Promise.withResolvers<void>();
    const console = createSharedConsole([], { console: () => gate.promise, env: {} });
    const file = join(host.tempDirectory, "test.log");
    const relaying = relayLog({ log: endless(), file, secrets: [], console: console.shard("") });
    for (let turns = 0; turns < 200; turns++) await turn();
    expect(pulled).toBe(1);
    gate.resolve();
    await relaying;
    expect(pulled).toBe(101);
  });

  it("goes on without the file when the disk is full, and says so", async () => {
    await using host = createTestHost({ env: {} });
    const console = createSharedConsole([], host);
    const file = "/dev/full";
    const gap = await relayLog({ log: chunks("one\n", "two\n"), file, secrets: [], console: console.shard("") });
    await console.end();
    expect(gap).toMatch(/^\/dev\/full could not be written: ENOSPC/);
    expect(host.consoleText()).toBe("one\ntwo\n");
  });

  it("leaves an empty file of a test that said nothing, and what came before the log broke off", async () => {
    await using host = createTestHost({ env: {} });
    const [empty, broken] = ["empty.log", "broken.log"].map((name) => join(host.tempDirectory, name)) as [
      string,
      string,
    ];
    const console = createSharedConsole([], host);
    await relayLog({ log: chunks(), file: empty, secrets: [], console: console.shard("") });
    expect(await readFile(empty, "utf8")).toBe("");
    const breaking = async function* () {
      yield Buffer.from("the last words");
      throw new Error("the connection broke");
    };
    const relaying = relayLog({ log: breaking(), file: broken, secrets: [], console: console.shard("") });
    await expect(relaying).rejects.toThrow("the connection broke");
    await console.end();
    expect([await readFile(broken, "utf8"), host.consoleText()]).toEqual(["the last words", "the last words\n"]);
  });
});
