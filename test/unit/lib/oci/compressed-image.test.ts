import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { uncompressedLayers, withCompressedLayers } from "../../../../lib/oci/compressed-image.ts";
import { digestOf } from "../../../../lib/oci/digest.ts";
import { readContent } from "../../../../lib/oci/image-content.ts";
import type { CompressedLayer, CompressionMethod } from "../../../../lib/oci/layer-compression.ts";
import type { Descriptor } from "../../../../lib/oci/manifest.ts";
import type { ImageSource } from "../../../../lib/oci/source.ts";

const oci = "application/vnd.oci.image";
const docker = "application/vnd.docker";
const plain = Buffer.from("layer ".repeat(50_000));

/** Blobs of an image in memory. */
class Blobs {
  readonly #bytes = new Map<string, Buffer>();

  put(mediaType: string, content: Buffer | object): Descriptor {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content));
    const digest = digestOf(bytes);
    this.#bytes.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  }

  source(root: Descriptor): ImageSource {
    return {
      description: "the test's image",
      root,
      name: undefined,
      storedIn: () => ({ registry: "localhost:1", repository: "acme/base" }),
      open: async ({ digest }) => Readable.from([this.#bytes.get(digest) ?? Buffer.alloc(0)]),
      [Symbol.asyncDispose]: async () => {},
    };
  }
}

function manifestOf(blobs: Blobs, family: "oci" | "docker", layers: readonly Descriptor[]): Descriptor {
  const mediaType = family === "oci" ? `${oci}.manifest.v1+json` : `${docker}.distribution.manifest.v2+json`;
  const configType = family === "oci" ? `${oci}.config.v1+json` : `${docker}.container.image.v1+json`;
  const config = blobs.put(configType, { rootfs: { diff_ids: layers.map(({ digest }) => digest) } });
  return blobs.put(mediaType, { schemaVersion: 2, mediaType, config, layers });
}

function compressedAs(layer: Descriptor, method: CompressionMethod): CompressedLayer {
  return { layer, method, digest: `sha256:${"c".repeat(64)}`, size: 77 };
}

async function compress(source: ImageSource, method: CompressionMethod) {
  const { manifests } = await readContent(source);
  const layers = uncompressedLayers(source, manifests);
  const image = withCompressedLayers(
    source,
    manifests,
    layers.map((layer) => compressedAs(layer, method)),
  );
  return { layers, image, json: async (blob = image.root) => JSON.parse(String(await buffer(await image.open(blob)))) };
}

describe("withCompressedLayers", () => {
  it("names the new layers, and leaves the configuration and other layers as they are", async () => {
    const blobs = new Blobs();
    const raw = blobs.put(`${oci}.layer.v1.tar`, plain);
    const packed = blobs.put(`${oci}.layer.v1.tar+gzip`, Buffer.from("packed"));
    const foreign = blobs.put(`${oci}.layer.nondistributable.v1.tar`, Buffer.from("foreign"));
    const source = blobs.source(manifestOf(blobs, "oci", [packed, raw, foreign]));
    const before = JSON.parse(String(await buffer(await source.open(source.root))));
    const { image, layers, json } = await compress(source, "zstd");
    expect(layers).toEqual([raw]);
    const compressed = { mediaType: `${oci}.layer.v1.tar+zstd`, digest: `sha256:${"c".repeat(64)}`, size: 77 };
    expect(await json()).toEqual({ ...before, layers: [packed, compressed, foreign] });
    expect(image.root.digest).toBe(digestOf(await buffer(await image.open(image.root))));
    expect(image.storedIn(compressed)).toBeUndefined();
    expect(image.storedIn(packed)).toEqual({ registry: "localhost:1", repository: "acme/base" });
  });

  it.each([
    ["zstd", zstdDecompressSync],
    ["gzip", gunzipSync],
  ] as const)("compresses a %s layer that is opened", async (method, decompress) => {
    const blobs = new Blobs();
    const raw = blobs.put(`${oci}.layer.v1.tar`, plain);
    const { image } = await compress(blobs.source(manifestOf(blobs, "oci", [raw])), method);
    const layer = { ...raw, digest: `sha256:${"c".repeat(64)}`, size: 77 };
    const bytes = await buffer(await image.open(layer));
    expect(decompress(bytes).equals(plain)).toBe(true);
    expect(bytes.equals(await buffer(await image.open(layer)))).toBe(true);
  });

  it("makes an image of docker's family OCI's for zstd, and keeps it for gzip", async () => {
    const blobs = new Blobs();
    const layers = [
      blobs.put(`${docker}.image.rootfs.diff.tar.gzip`, Buffer.from("packed")),
      blobs.put(`${docker}.image.rootfs.diff.tar`, plain),
    ];
    const source = blobs.source(manifestOf(blobs, "docker", layers));
    const types = async (method: CompressionMethod) => {
      const { mediaType, config, layers } = await (await compress(source, method)).json();
      return [mediaType, config.mediaType, ...layers.map((layer: Descriptor) => layer.mediaType)];
    };
    expect(await types("zstd")).toEqual([
      `${oci}.manifest.v1+json`,
      `${oci}.config.v1+json`,
      `${oci}.layer.v1.tar+gzip`,
      `${oci}.layer.v1.tar+zstd`,
    ]);
    expect(await types("gzip")).toEqual([
      `${docker}.distribution.manifest.v2+json`,
      `${docker}.container.image.v1+json`,
      `${docker}.image.rootfs.diff.tar.gzip`,
      `${docker}.image.rootfs.diff.tar.gzip`,
    ]);
  });

  it("renames the platforms of an index, but none that an attestation speaks of", async () => {
    const blobs = new Blobs();
    const raw = blobs.put(`${oci}.layer.v1.tar`, plain);
    const platform = (architecture: string) => ({ os: "linux", architecture });
    const amd64 = { ...manifestOf(blobs, "oci", [raw]), platform: platform("amd64") };
    const attested = { ...manifestOf(blobs, "oci", [raw, raw]), platform: platform("arm64") };
    const statement = manifestOf(blobs, "oci", [blobs.put("application/vnd.in-toto+json", Buffer.from("{}"))]);
    const attestation = { ...statement, annotations: { "vnd.docker.reference.digest": attested.digest } };
    const mediaType = `${oci}.index.v1+json`;
    const manifests = [amd64, attested, attestation];
    const { json } = await compress(
      blobs.source(blobs.put(mediaType, { schemaVersion: 2, mediaType, manifests })),
      "zstd",
    );
    const index = await json();
    expect(index.manifests.slice(1)).toEqual([attested, attestation]);
    expect(index.manifests[0]).toMatchObject({ mediaType: amd64.mediaType, platform: amd64.platform });
    expect((await json(index.manifests[0])).layers[0].mediaType).toBe(`${oci}.layer.v1.tar+zstd`);
  });

  it("is the source itself where nothing was compressed", async () => {
    const blobs = new Blobs();
    const source = blobs.source(manifestOf(blobs, "oci", [blobs.put(`${oci}.layer.v1.tar+zstd`, plain)]));
    const { image, layers } = await compress(source, "zstd");
    expect(layers).toEqual([]);
    expect(image).toBe(source);
  });
});
