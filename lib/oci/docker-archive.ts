import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import * as v from "valibot";
import { DomainError } from "../error.ts";
import { type Archive, mustFind } from "./archive.ts";
import { digestOf } from "./digest.ts";
import { parseConfig } from "./image-config.ts";
import { type Descriptor, type Manifest, mediaTypes, parseJson } from "./manifest.ts";
import type { ImageSource } from "./source.ts";
import type { TarEntry } from "./tar-index.ts";

const itemSchema = v.object({
  Config: v.string(),
  RepoTags: v.nullish(v.array(v.string())),
  Layers: v.array(v.string()),
});

/**
 * Opens what `docker save` writes. Its layers are plain tars named by their digests in the configuration, so an OCI manifest
 * for them is made without reading them. https://github.com/moby/docker-image-spec/blob/main/v1.2.md#combined-image-json--filesystem-changeset-format
 */
export async function openDockerArchive(archive: Archive): Promise<ImageSource> {
  const item = await readItem(archive);
  const configEntry = mustFind(archive, item.Config);
  const configBytes = await archive.read(configEntry);
  const { diff_ids: diffIds } = parseConfig(configBytes, `${archive.path}:${item.Config}`).rootfs;
  if (diffIds.length !== item.Layers.length) {
    throw invalid(archive.path, `${item.Layers.length} layers, but ${diffIds.length} in its configuration`);
  }
  const config = { mediaType: mediaTypes.ociConfig, digest: digestOf(configBytes), size: configBytes.length };
  const contents = new Map<string, TarEntry>([[config.digest, configEntry]]);
  const layers: Descriptor[] = [];
  for (const [at, name] of item.Layers.entries()) {
    const entry = mustFind(archive, name);
    const layer = await describeLayer(archive, entry, diffIds[at] ?? "");
    contents.set(layer.digest, entry);
    layers.push(layer);
  }
  const manifest: Manifest = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers };
  return madeSource(archive, item.RepoTags?.[0], manifest, contents);
}

function madeSource(
  archive: Archive,
  name: string | undefined,
  manifest: Manifest,
  contents: ReadonlyMap<string, TarEntry>,
): ImageSource {
  const bytes = Buffer.from(JSON.stringify(manifest));
  const root = { mediaType: mediaTypes.ociManifest, digest: digestOf(bytes), size: bytes.length };
  return {
    description: `archive ${archive.path}`,
    root,
    name,
    storedIn: () => undefined,
    open: async ({ digest }) => {
      const entry = contents.get(digest);
      if (digest === root.digest) return Readable.from([bytes]);
      if (!entry) throw invalid(archive.path, `no blob ${digest}`);
      return archive.stream(entry);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

async function readItem(archive: Archive): Promise<v.InferOutput<typeof itemSchema>> {
  const entry = archive.find("manifest.json");
  if (!entry) throw invalid(archive.path, "neither index.json nor manifest.json");
  const result = v.safeParse(
    v.array(itemSchema),
    parseJson(await archive.read(entry), `${archive.path}:manifest.json`),
  );
  const [item, ...others] = result.success ? result.output : [];
  if (!item || others.length > 0) throw invalid(archive.path, "a manifest.json that does not name exactly one image");
  return item;
}

// Some tools put compressed layers here: those have a digest that only reading them tells.
async function describeLayer(archive: Archive, entry: TarEntry, diffId: string): Promise<Descriptor> {
  const compression = compressionOf(await firstBytes(archive.stream(entry)));
  if (compression === "") return { mediaType: mediaTypes.ociLayer, digest: diffId, size: entry.size };
  const hash = createHash("sha256");
  for await (const chunk of archive.stream(entry) as AsyncIterable<Buffer>) hash.update(chunk);
  return {
    mediaType: `${mediaTypes.ociLayer}+${compression}`,
    digest: `sha256:${hash.digest("hex")}`,
    size: entry.size,
  };
}

async function firstBytes(stream: Readable): Promise<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer>) return chunk.subarray(0, 4);
  return Buffer.alloc(0);
}

function compressionOf(magic: Buffer): "" | "gzip" | "zstd" {
  if (magic[0] === 0x1f && magic[1] === 0x8b) return "gzip";
  return magic.equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])) ? "zstd" : "";
}

function invalid(path: string, observed: string): DomainError {
  return new DomainError("archive-invalid", `File ${path} is no docker archive of one image: it has ${observed}.`, {
    hint: "Save one image by docker save NAME.",
  });
}
