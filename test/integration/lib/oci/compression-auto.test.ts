import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { silentLog } from "../../../../lib/log.ts";
import { openLayout } from "../../../../lib/oci/layout-source.ts";
import { pushSource, verifyStored } from "../../../support/compressed-push.ts";
import { writeLayout } from "../../../support/image-layout.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";
import { kindOf, type RegistryProxy, startRegistryProxy } from "../../../support/registry-proxy.ts";

/** More than is sent without a measurement. */
const size = 80_000_000;
let registry: TestRegistry;
let folder: string;
/** Of an image whose layers do not get smaller. */
let hardDigest: string;
const lines: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-auto-"));
  const piece = () => Buffer.concat([randomBytes(25_000), Buffer.alloc(75_000, "text ")]);
  const soft = Buffer.concat(Array.from({ length: size / 100_000 }, piece));
  await writeLayout(join(folder, "soft"), { layers: [soft.subarray(0, size / 4), soft] });
  hardDigest = (await writeLayout(join(folder, "hard"), { layers: [randomBytes(size), randomBytes(size / 4)] })).digest;
});
afterAll(() => rm(folder, { recursive: true, force: true }));
beforeEach(async () => {
  lines.length = 0;
  registry = await startRegistry();
});
afterEach(() => registry[Symbol.asyncDispose]());

async function push(host: string, { cache = "cache", isPublic = false, layout = "hard" } = {}) {
  const log = { ...silentLog, info: (line: string) => lines.push(line) };
  const order = { host, repository: "acme/base", cache: join(folder, cache), isPublic, log } as const;
  const pushed = await pushSource(await openLayout(join(folder, layout)), { ...order, compression: "auto" });
  await verifyStored(registry.host, "acme/base", pushed.digest);
  return pushed;
}

const figures = "the link takes .*/s, one core compresses .*/s to \\d+ %\\.$";

/** A registry on another machine, as far as its name tells. */
async function startFarProxy(bytesPerSecond: number): Promise<RegistryProxy> {
  const own = Object.values(networkInterfaces())
    .flat()
    .find((address) => address?.family === "IPv4" && !address.internal);
  const isBody = ({ method }: { method: string }) => method === "PATCH" || method === "PUT";
  return startRegistryProxy(registry.host, (seen) => (isBody(seen) ? { bytesPerSecond } : undefined), own?.address);
}

describe("compression: auto", () => {
  it("leaves layers as they are where that ends sooner, and sends what it measured with only once", async () => {
    await using proxy = await startRegistryProxy(registry.host);
    const { digest, pushedBytes } = await push(proxy.host);
    expect(digest).toBe(hardDigest);
    expect(lines[0]).toMatch(new RegExp(`^Layers go as they are: ${figures}`));
    const uploads = proxy.requests.filter((seen) => kindOf(seen) === "upload");
    expect(uploads.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(pushedBytes);
    expect(lines.filter((line) => line.includes("resumed"))).toEqual([]);
  });

  it("compresses for a slow link, cancels what it measured with, and does nothing twice", async () => {
    await using proxy = await startFarProxy(40_000_000);
    const first = await push(proxy.host, { cache: "far", layout: "soft" });
    expect(lines[0]).toMatch(new RegExp(`^Layers go as zstd: ${figures}`));
    expect(lines[1]).toMatch(/^Layers of 100 MB were sent as .* of zstd\.$/);
    expect(proxy.requests.filter(({ method }) => method === "DELETE")).toHaveLength(1);
    lines.length = 0;
    const before = proxy.requests.length;
    const again = await push(proxy.host, { cache: "far", layout: "soft" });
    expect(again).toEqual({ digest: first.digest, pushedBytes: 0, skippedBytes: first.pushedBytes });
    expect(lines).toEqual([]);
    expect(proxy.requests.slice(before).filter(({ method }) => !["HEAD", "GET"].includes(method))).toEqual([]);
  });

  it("keeps an image that is in the registry as it is, over a slow link too", async () => {
    await push(registry.host, { cache: "first" });
    await using proxy = await startFarProxy(1_000_000);
    expect(await push(proxy.host, { cache: "second" })).toMatchObject({ digest: hardDigest, pushedBytes: 0 });
  });

  it("takes gzip for a public registry without a question", async () => {
    await push(registry.host, { cache: "public", isPublic: true, layout: "soft" });
    expect(lines[0]).toBe(`Layers go as gzip: ${registry.host} is a public registry, and not every client reads zstd.`);
  });

  it("measures nothing for what is small", async () => {
    const { digest } = await writeLayout(join(folder, "small"), { layers: [Buffer.alloc(1_000_000)] });
    expect(await push(registry.host, { layout: "small" })).toMatchObject({ digest });
    expect(lines.filter((line) => line.startsWith("Layers"))).toEqual([]);
  });
});
