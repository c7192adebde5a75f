import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../../../lib/exec.ts";
import { silentLog } from "../../../../lib/log.ts";
import { openArchive } from "../../../../lib/oci/archive-source.ts";
import { openLayout } from "../../../../lib/oci/layout-source.ts";
import { openRegistry } from "../../../../lib/oci/registry-client.ts";
import type { ImageSource } from "../../../../lib/oci/source.ts";
import {
  type CompressedPush,
  halfRandom,
  pushSource,
  readStored,
  type StoredDocument,
  verifyStored,
} from "../../../support/compressed-push.ts";
import { writeIndexLayout, writeLayout } from "../../../support/image-layout.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";
import { kindOf, startRegistryProxy } from "../../../support/registry-proxy.ts";

let registry: TestRegistry;
let folder: string;

beforeAll(async () => {
  registry = await startRegistry();
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-compress-"));
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

function push(source: ImageSource, order: Partial<CompressedPush> & { readonly repository: string }) {
  return pushSource(source, { host: registry.host, cache: join(folder, order.repository), ...order });
}

describe("a push that compresses", () => {
  it.each(["zstd", "gzip"] as const)("sends layers as %s, which skopeo gives back unchanged", async (compression) => {
    const layers = [halfRandom(3_000_000), halfRandom(1000), halfRandom(500_000)];
    const layout = join(folder, `layout-${compression}`);
    await writeLayout(layout, { layers });
    const repository = `acme/${compression}`;
    const pushed = await push(await openLayout(layout), { repository, compression });
    const stored = await readStored(registry.host, repository, pushed.digest);
    expect(stored.layers.map(({ mediaType }) => mediaType)).toEqual(
      layers.map(() => `application/vnd.oci.image.layer.v1.tar+${compression}`),
    );
    await verifyStored(registry.host, repository, pushed.digest);
    expect(pushed.pushedBytes).toBeLessThan(2_000_000);
    expect(pushed.skippedBytes).toBe(0);

    const copy = join(folder, `copy-${compression}`);
    await exec("skopeo", [
      "copy",
      "--quiet",
      "--insecure-policy",
      "--src-tls-verify=false",
      "--dest-decompress",
      `docker://${registry.host}/${repository}@${pushed.digest}`,
      `dir:${copy}`,
    ]);
    const given = JSON.parse(await readFile(join(copy, "manifest.json"), "utf8")) as StoredDocument;
    const files = given.layers.map(({ digest }) => readFile(join(copy, digest.slice("sha256:".length))));
    expect((await Promise.all(files)).map((bytes, at) => bytes.equals(layers[at] ?? Buffer.alloc(0)))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it("compresses nothing a second time: same digest, one question for the image, no layer read", async () => {
    const layout = join(folder, "again");
    await writeLayout(layout, { layers: [halfRandom(2_000_000)] });
    const first = await push(await openLayout(layout), { repository: "acme/again" });
    await using proxy = await startRegistryProxy(registry.host);
    const source = await openLayout(layout);
    const opened: number[] = [];
    const watched: ImageSource = {
      ...source,
      open: async (blob) => {
        opened.push(blob.size);
        return source.open(blob);
      },
    };
    const again = await push(watched, { repository: "acme/again", host: proxy.host });
    expect(again).toEqual({ digest: first.digest, pushedBytes: 0, skippedBytes: first.pushedBytes });
    expect(proxy.requests.map(({ method, path }) => `${method} ${kindOf({ path })}`)).toEqual([
      "HEAD manifest",
      "HEAD manifest",
      "HEAD blob",
      "HEAD blob",
    ]);
    expect(Math.max(...opened)).toBeLessThan(10_000);
  });

  it("compresses only the layer that is new", async () => {
    const common = halfRandom(2_000_000);
    const cache = join(folder, "grown-cache");
    await writeLayout(join(folder, "old"), { layers: [common] });
    await writeLayout(join(folder, "new"), { layers: [common, halfRandom(10_000)] });
    await push(await openLayout(join(folder, "old")), { repository: "acme/grown", cache });
    const grown = await push(await openLayout(join(folder, "new")), { repository: "acme/grown", cache });
    expect(grown.pushedBytes).toBeLessThan(10_000);
    expect(grown.skippedBytes).toBeGreaterThan(1_000_000);
  });

  it("mounts a compressed layer that another repository holds", async () => {
    await using own = await startRegistry();
    const layout = join(folder, "mounted");
    await writeLayout(layout, { layers: [randomBytes(9_000_000)] });
    const cache = join(folder, "mounted-cache");
    const first = await push(await openLayout(layout), { repository: "acme/from", cache, host: own.host });
    const other = await push(await openLayout(layout), { repository: "other/to", cache, host: own.host });
    expect(other).toEqual({ digest: first.digest, pushedBytes: 0, skippedBytes: first.pushedBytes });
  });

  it("sends a compressed layer again that the registry lost, under the same digest", async () => {
    const layout = join(folder, "lost");
    await writeLayout(layout, { layers: [halfRandom(2_000_000)] });
    const first = await push(await openLayout(layout), { repository: "acme/lost" });
    const [layer] = (await readStored(registry.host, "acme/lost", first.digest)).layers;
    using client = openRegistry({ registry: registry.host, env: {}, log: silentLog });
    expect(await client.deleteBlob("acme/lost", layer?.digest ?? "")).toBe(true);
    const again = await push(await openLayout(layout), { repository: "acme/lost" });
    expect(again).toEqual({ digest: first.digest, pushedBytes: layer?.size, skippedBytes: expect.any(Number) });
    await verifyStored(registry.host, "acme/lost", again.digest);
  });

  it("reads a docker archive, and makes an image of docker's media types OCI's for zstd", async () => {
    const layout = join(folder, "docker");
    await writeLayout(layout, { layers: [halfRandom(100_000)], docker: true });
    const archive = join(folder, "docker.tar");
    await exec("skopeo", ["copy", "--quiet", "--insecure-policy", `oci:${layout}`, `docker-archive:${archive}:a/b:1`]);
    for (const [source, repository] of [
      [await openLayout(layout), "acme/docker-layout"],
      [await openArchive(archive), "acme/docker-archive"],
    ] as const) {
      const { digest } = await push(source, { repository });
      await verifyStored(registry.host, repository, digest);
      const { mediaType, config, layers } = await readStored(registry.host, repository, digest);
      expect([mediaType, config.mediaType, ...layers.map((layer) => layer.mediaType)]).toEqual([
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+zstd",
      ]);
    }
  });

  it("finds out once for all layers that a registry has no TLS", async () => {
    const own = Object.values(networkInterfaces()).flat();
    const address = own.find((found) => found?.family === "IPv4" && !found.internal)?.address;
    await using proxy = await startRegistryProxy(registry.host, undefined, address);
    const layout = join(folder, "clear");
    await writeLayout(layout, { layers: [1, 2, 3].map(() => halfRandom(100_000)) });
    const { digest } = await push(await openLayout(layout), { repository: "acme/clear", host: proxy.host });
    await verifyStored(registry.host, "acme/clear", digest);
  });

  it("pushes an index with all its platforms", async () => {
    const layout = join(folder, "index");
    const shared = halfRandom(100_000);
    await writeIndexLayout(layout, { amd64: { layers: [shared] }, arm64: { layers: [shared, halfRandom(2000)] } });
    const { digest } = await push(await openLayout(layout), { repository: "acme/multi" });
    await verifyStored(registry.host, "acme/multi", digest);
    const index = await readStored(registry.host, "acme/multi", "1");
    const children = await Promise.all(
      (index.manifests ?? []).map((child) => readStored(registry.host, "acme/multi", child.digest)),
    );
    const types = children.map(({ layers }) => layers.map(({ mediaType }) => mediaType.split("+")[1]));
    expect(types).toEqual([["zstd"], ["zstd", "zstd"]]);
  });
});
