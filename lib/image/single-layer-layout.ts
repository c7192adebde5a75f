import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, createZstdCompress } from "node:zlib";

export interface SingleLayerOptions {
  /** Tar archive of the root file system, not compressed. */
  readonly archive: string;
  /** Where the OCI image layout goes. */
  readonly layout: string;
  readonly tag: string;
  readonly epochSeconds: number;
  readonly environment: readonly string[];
  readonly command: readonly string[];
  readonly signal: AbortSignal;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** Writes an OCI image layout of one zstd layer for this machine's architecture and returns the manifest's digest. */
export async function writeSingleLayerLayout(options: SingleLayerOptions): Promise<string> {
  const blobs = join(options.layout, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  const { layer, diffId } = await writeLayer(options, blobs);
  const config = await writeJson(blobs, "application/vnd.oci.image.config.v1+json", {
    created: new Date(options.epochSeconds * 1000).toISOString(),
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: { Env: options.environment, Cmd: options.command },
    rootfs: { type: "layers", diff_ids: [diffId] },
    history: [{ created: new Date(options.epochSeconds * 1000).toISOString(), created_by: "gpu-ci" }],
  });
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await writeJson(blobs, mediaType, { schemaVersion: 2, mediaType, config, layers: [layer] });
  const annotations = { "org.opencontainers.image.ref.name": options.tag };
  const index = { schemaVersion: 2, manifests: [{ ...manifest, annotations }] };
  await writeFile(join(options.layout, "index.json"), JSON.stringify(index));
  await writeFile(join(options.layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  return manifest.digest;
}

async function writeLayer(options: SingleLayerOptions, blobs: string): Promise<{ layer: Descriptor; diffId: string }> {
  const partial = join(blobs, "layer.partial");
  const plain = createMeter();
  const compressed = createMeter();
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  const source = createReadStream(options.archive, { highWaterMark: 1 << 20 });
  const streams = [source, plain.stream, compress, compressed.stream, createWriteStream(partial)] as const;
  await pipeline(streams, { signal: options.signal });
  const digest = compressed.digest();
  await rename(partial, join(blobs, digest.slice("sha256:".length)));
  const mediaType = "application/vnd.oci.image.layer.v1.tar+zstd";
  return { layer: { mediaType, digest, size: compressed.size() }, diffId: plain.digest() };
}

function createMeter() {
  const hash = createHash("sha256");
  let size = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, size: () => size, digest: () => `sha256:${hash.digest("hex")}` };
}

async function writeJson(blobs: string, mediaType: string, value: unknown): Promise<Descriptor> {
  const bytes = Buffer.from(JSON.stringify(value));
  const hex = createHash("sha256").update(bytes).digest("hex");
  await writeFile(join(blobs, hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}
