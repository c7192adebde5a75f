import { Readable } from "node:stream";
import { attestedImages } from "./attestations.ts";
import { digestOf } from "./digest.ts";
import { type CompressedLayer, isUncompressed, openCompressed } from "./layer-compression.ts";
import {
  type Descriptor,
  type Index,
  type Manifest,
  mediaTypes,
  parseManifest,
  type StoredManifest,
} from "./manifest.ts";
import type { ImageSource } from "./source.ts";

/**
 * The same image with layers compressed: its configurations, which name layers by their plain content, stay as they are, its manifests and its digest do not.
 * Docker's family of media types knows no zstd, so that such an image becomes OCI's. `manifests` are those of readContent. Opening a layer compresses it.
 */
export function withCompressedLayers(
  source: ImageSource,
  manifests: readonly StoredManifest[],
  compressed: readonly CompressedLayer[],
): ImageSource {
  if (compressed.length === 0) return source;
  const byLayer = new Map(compressed.map((entry) => [entry.layer.digest, entry]));
  const byDigest = new Map(compressed.map((entry) => [entry.digest, entry]));
  const rewritten = rewriteManifests(source, manifests, byLayer);
  const documents = new Map([...rewritten.values()].map(({ descriptor, bytes }) => [descriptor.digest, bytes]));
  const root = { ...source.root, ...rewritten.get(source.root.digest)?.descriptor };
  const open = async (descriptor: Descriptor): Promise<Readable> => {
    const bytes = documents.get(descriptor.digest);
    if (bytes) return Readable.from([bytes]);
    const entry = byDigest.get(descriptor.digest);
    return entry ? openCompressed(source, entry) : source.open(descriptor);
  };
  const { read } = source;
  return {
    ...source,
    root,
    open,
    storedIn: (blob) => (byDigest.has(blob.digest) ? undefined : source.storedIn(blob)),
    ...(read ? { read: (blob) => (byDigest.has(blob.digest) ? readStream(open(blob)) : read(blob)) } : {}),
  };
}

/** The layers of an image that may be compressed, each once. What an attestation names by its digest keeps it, and so its layers. */
export function uncompressedLayers(source: ImageSource, manifests: readonly StoredManifest[]): readonly Descriptor[] {
  const attested = attestedImages(source, manifests);
  const layers = new Map<string, Descriptor>();
  for (const { descriptor, bytes } of manifests) {
    const document = parseManifest(bytes, source.description, descriptor.mediaType);
    if (document.kind === "index" || attested.has(descriptor.digest)) continue;
    for (const layer of document.manifest.layers.filter(isUncompressed)) layers.set(layer.digest, layer);
  }
  return [...layers.values()];
}

async function* readStream(stream: Promise<Readable>): AsyncGenerator<Uint8Array> {
  yield* (await stream) as AsyncIterable<Uint8Array>;
}

/** What becomes of each manifest, by the digest that it had; children come before the index that names them. */
function rewriteManifests(
  source: ImageSource,
  manifests: readonly StoredManifest[],
  byLayer: ReadonlyMap<string, CompressedLayer>,
): ReadonlyMap<string, StoredManifest> {
  const attested = attestedImages(source, manifests);
  const rewritten = new Map<string, StoredManifest>();
  for (const stored of manifests) {
    const { digest, mediaType } = stored.descriptor;
    const document = parseManifest(stored.bytes, source.description, mediaType);
    const next =
      document.kind === "index"
        ? withChildren(document.index, document.mediaType, rewritten)
        : attested.has(digest)
          ? undefined
          : withLayers(document.manifest, document.mediaType, byLayer);
    rewritten.set(digest, next ? storedAs(next) : stored);
  }
  return rewritten;
}

type Typed<T> = T & { readonly mediaType: string };

function withLayers(
  manifest: Manifest,
  mediaType: string,
  byLayer: ReadonlyMap<string, CompressedLayer>,
): Typed<Manifest> | undefined {
  const entryOf = (layer: Descriptor) => (isUncompressed(layer) ? byLayer.get(layer.digest) : undefined);
  const entries = manifest.layers.map(entryOf);
  if (!entries.some(Boolean)) return undefined;
  const becomesOci = entries.some((entry) => entry?.method === "zstd");
  const typed = (type: string) => (becomesOci ? (ociTypes.get(type) ?? type) : type);
  const layers = manifest.layers.map((layer, at) => {
    const entry = entries[at];
    if (!entry) return { ...layer, mediaType: typed(layer.mediaType) };
    const { digest, size, method } = entry;
    return { ...layer, mediaType: compressedType(typed(layer.mediaType), method), digest, size };
  });
  const config = { ...manifest.config, mediaType: typed(manifest.config.mediaType) };
  return { ...manifest, mediaType: typed(mediaType), config, layers };
}

function withChildren(
  index: Index,
  mediaType: string,
  rewritten: ReadonlyMap<string, StoredManifest>,
): Typed<Index> | undefined {
  const manifests = index.manifests.map((child) => {
    const next = rewritten.get(child.digest)?.descriptor;
    return next && next.digest !== child.digest ? { ...child, ...next } : child;
  });
  if (manifests.every(({ digest }, at) => digest === index.manifests[at]?.digest)) return undefined;
  // Docker's list may name docker's manifests only, OCI's index both.
  const isOci = manifests.some((child) => child.mediaType === mediaTypes.ociManifest);
  return { ...index, mediaType: isOci ? mediaTypes.ociIndex : mediaType, manifests };
}

function storedAs(document: Typed<Manifest | Index>): StoredManifest {
  const bytes = Buffer.from(JSON.stringify(document));
  return { descriptor: { mediaType: document.mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}

function compressedType(plain: string, method: CompressedLayer["method"]): string {
  return plain === mediaTypes.dockerLayer ? `${plain}.${method}` : `${plain}+${method}`;
}

const ociTypes: ReadonlyMap<string, string> = new Map([
  [mediaTypes.dockerManifest, mediaTypes.ociManifest],
  [mediaTypes.dockerConfig, mediaTypes.ociConfig],
  [mediaTypes.dockerLayer, mediaTypes.ociLayer],
  [`${mediaTypes.dockerLayer}.gzip`, `${mediaTypes.ociLayer}+gzip`],
  [
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
  ],
]);
