import { createHash, randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import type { Log } from "../../../../lib/log.ts";
import { silentLog } from "../../../../lib/log.ts";
import { openRegistry } from "../../../../lib/oci/registry-client.ts";
import { startRegistry } from "../../../support/registry.ts";
import { kindOf, startRegistryProxy } from "../../../support/registry-proxy.ts";
import { type SessionRegistry, startSessionRegistry } from "../../../support/session-registry.ts";

const content = randomBytes(20_000_000);
const digest = `sha256:${createHash("sha256").update(content).digest("hex")}`;

async function upload(host: string, log: Log, bytes = content): Promise<void> {
  using client = openRegistry({ registry: host, env: {}, log, retry: { attempts: 6, baseMs: 10, maxMs: 50 } });
  const open = async () => Readable.from(pieces(bytes));
  await client.putBlob({ repository: "acme/base", digest, size: content.length, open, origin: "the test" });
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
}

/** Breaks the connection once, as soon as so much of an upload has arrived. */
function cutOnceAt(bytes: number): (sessionBytes: number) => boolean {
  let isDone = false;
  return (sessionBytes) => {
    if (isDone || sessionBytes < bytes) return false;
    isDone = true;
    return true;
  };
}

async function uploadTo(registry: SessionRegistry): Promise<string[]> {
  const lines: string[] = [];
  await upload(registry.host, { ...silentLog, info: (line) => lines.push(line) });
  expect((await registry.read(digest))?.equals(content)).toBe(true);
  return lines;
}

describe("an upload whose connection was cut", () => {
  it("goes on where the registry has it, when the registry kept the session", async () => {
    await using registry = await startSessionRegistry(cutOnceAt(16_000_000));
    const lines = await uploadTo(registry);
    expect(registry.requests).toEqual([
      "POST upload",
      "PUT session",
      "HEAD blob",
      "GET session",
      "PATCH session",
      "PUT session",
    ]);
    expect(registry.received()).toBe(content.length);
    expect(lines.at(-1)).toMatch(/resumed at 8\d %\.$/);
  });

  it("goes on a second time when the rest is cut as well", async () => {
    const cuts = [cutOnceAt(5_000_000), cutOnceAt(12_000_000)];
    await using registry = await startSessionRegistry((bytes) => cuts.some((isCut) => isCut(bytes)));
    await uploadTo(registry);
    expect(registry.received()).toBe(content.length);
  });

  it("only has to be closed when everything had arrived", async () => {
    await using registry = await startSessionRegistry(cutOnceAt(content.length));
    await uploadTo(registry);
    expect(registry.requests.slice(3)).toEqual(["GET session", "PUT session"]);
  });

  it("begins anew on a registry that forgot the session, and sends this blob only", async () => {
    await using registry = await startRegistry();
    let bodies = 0;
    await using proxy = await startRegistryProxy(registry.host, ({ method, path }) =>
      method === "PUT" && kindOf({ path }) === "upload" && bodies++ === 0 ? { resetAfterBytes: 8_000_000 } : undefined,
    );
    await upload(proxy.host, silentLog);
    expect(proxy.requests.map(({ method, path }) => `${method} ${kindOf({ path })}`)).toEqual([
      "POST upload",
      "PUT upload",
      "HEAD blob",
      "GET upload",
      "POST upload",
      "PUT upload",
    ]);
  });
});

describe("an upload that the registry finds damaged", () => {
  it("names the source when its bytes are wrong", async () => {
    await using registry = await startSessionRegistry();
    const wrong = Buffer.concat([content.subarray(0, -1), Buffer.from([(content.at(-1) ?? 0) ^ 1])]);
    await expect(upload(registry.host, silentLog, wrong)).rejects.toMatchObject({
      code: "content-damaged",
      message: expect.stringContaining("of the test is damaged"),
    });
  });

  it("fails before its end when the source is shorter than it says", async () => {
    await using registry = await startSessionRegistry();
    await expect(upload(registry.host, silentLog, content.subarray(1))).rejects.toMatchObject({
      code: "content-damaged",
      message: expect.stringContaining("19999999 bytes instead of 20000000"),
    });
  });
});
