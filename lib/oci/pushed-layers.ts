import pLimit from "p-limit";
import { DomainError } from "../error.ts";
import { findElsewhere } from "./blob-elsewhere.ts";
import { withCompressedLayers } from "./compressed-image.ts";
import type { CompressedLayers } from "./compressed-layers.ts";
import type { CompressedLayer, CompressionMethod } from "./layer-compression.ts";
import type { Descriptor, StoredManifest } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { ImageSource } from "./source.ts";

export interface PushedLayersQuestion {
  readonly source: ImageSource;
  readonly client: RegistryClient;
  readonly repository: string;
  /** Manifests of the image, and those of its layers that may be compressed. */
  readonly manifests: readonly StoredManifest[];
  readonly layers: readonly Descriptor[];
  readonly compression: "auto" | CompressionMethod;
  readonly known: CompressedLayers;
}

/** What need not be compressed: all layers that are in neither list are in the registry as they are. */
export interface PushedLayers {
  /** Compressed by an earlier push, and in the registry. */
  readonly compressed: readonly CompressedLayer[];
  /** Not in the registry in any form that will do. */
  readonly rest: readonly Descriptor[];
}

/**
 * Finds what a registry has of an image's layers, in this repository or to be mounted from another one: compressed by an earlier push, or, where nobody asked for a
 * method, as they are. An image that is there whole costs one request, at the most two.
 */
export async function findPushedLayers(question: PushedLayersQuestion): Promise<PushedLayers> {
  const { source, manifests, layers, compression, known } = question;
  const isAuto = compression === "auto";
  const remembered = layers.flatMap((layer) => known.find(layer, isAuto ? ["zstd", "gzip"] : [compression]) ?? []);
  if (isAuto || remembered.length === layers.length) {
    const { root } = withCompressedLayers(source, manifests, remembered);
    if (await holdsManifest(question, root)) return { compressed: remembered, rest: [] };
  }
  if (isAuto && remembered.length > 0 && (await holdsManifest(question, source.root)))
    return { compressed: [], rest: [] };

  const asBlobs = remembered.map(({ layer, digest, size }) => ({ ...layer, digest, size }));
  const stored = await findBlobs(question, isAuto ? [...asBlobs, ...layers] : asBlobs);
  const compressed = remembered.filter(({ digest }) => stored.has(digest));
  const covered = new Set(compressed.map(({ layer }) => layer.digest));
  const isThere = ({ digest }: Descriptor) => covered.has(digest) || (isAuto && stored.has(digest));
  return { compressed, rest: layers.filter((layer) => !isThere(layer)) };
}

async function holdsManifest({ client, repository }: PushedLayersQuestion, { digest }: Descriptor): Promise<boolean> {
  return (await client.headManifest(repository, digest, "brief").catch(asAbsent)) !== undefined;
}

/** Digests of the blobs that the registry has whole, in whatever repository. */
async function findBlobs(
  { source, client, repository }: PushedLayersQuestion,
  blobs: readonly Descriptor[],
): Promise<ReadonlySet<string>> {
  const limit = pLimit(16);
  const isStored = async (blob: Descriptor) =>
    source.storedIn(blob)?.registry === client.registry ||
    (await client.headBlob(repository, blob.digest, "brief").catch(asAbsent))?.size === blob.size;
  const answers = await Promise.all(blobs.map((blob) => limit(() => isStored(blob))));
  const missing = blobs.filter((_blob, at) => !answers[at]);
  const elsewhere = await findElsewhere(client, repository, missing);
  return new Set([...blobs.filter((_blob, at) => answers[at]).map(({ digest }) => digest), ...elsewhere.keys()]);
}

// What the registry cannot read is written again by the push.
function asAbsent(error: unknown): undefined {
  if (!(error instanceof DomainError) || error.code !== "registry-entry-damaged") throw error;
}
