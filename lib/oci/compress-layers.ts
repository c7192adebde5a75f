import { availableParallelism } from "node:os";
import { formatSize } from "../size.ts";
import { chooseCompression } from "./choose-compression.ts";
import { uncompressedLayers, withCompressedLayers } from "./compressed-image.ts";
import type { CompressedLayers } from "./compressed-layers.ts";
import { readContent } from "./image-content.ts";
import { inParallel } from "./in-parallel.ts";
import { inRepository, type PushPlace } from "./in-repository.ts";
import { type CompressedLayer, type CompressionMethod, openCompressed } from "./layer-compression.ts";
import { isLoopback } from "./loopback.ts";
import type { Descriptor } from "./manifest.ts";
import { measureCompression } from "./measure-compression.ts";
import { findPushedLayers } from "./pushed-layers.ts";
import type { ImageSource } from "./source.ts";
import { putStream } from "./stream-upload.ts";

export interface CompressOptions extends PushPlace {
  readonly source: ImageSource;
  /** `auto` takes what ends sooner, for a public registry gzip. */
  readonly compression: "auto" | "none" | CompressionMethod;
  /** Layers sent at a time. */
  readonly parallel: number;
  readonly known: CompressedLayers;
  /** Whether clients are to be reckoned with that cannot read zstd. */
  readonly isPublic: () => Promise<boolean>;
}

/** An image whose compressed layers are in the registry; what it lacks there is for pushImage. */
export interface CompressedImage {
  readonly source: ImageSource;
  /** Bytes of layers that were sent compressed. */
  readonly sentBytes: number;
  /** Uploads of layers as they are that were begun: their addresses by digest. */
  readonly begun: ReadonlyMap<string, URL>;
}

/** Less is sent before it is known how. */
const worthBytes = 64 << 20;

/**
 * Compresses the layers of an image that are not, on their way into a registry, without a copy of them anywhere. What is compressed already, or in the registry
 * already, stays as it is. Throws the DomainErrors of RegistryClient and `content-damaged`.
 */
export async function compressLayers(options: CompressOptions): Promise<CompressedImage> {
  const { source, compression } = options;
  const asItIs = { source, sentBytes: 0, begun: new Map() };
  if (compression === "none") return asItIs;
  const { manifests } = await readContent(source);
  const layers = uncompressedLayers(source, manifests);
  if (layers.length === 0 || (compression === "auto" && sizeOf(layers) < worthBytes)) return asItIs;
  const pushed = await findPushedLayers({ ...options, compression, manifests, layers });
  const { sent, begun } = await inRepository(options, () => sendRest(options, compression, pushed.rest));
  const compressed = [...pushed.compressed, ...sent];
  return { source: withCompressedLayers(source, manifests, compressed), sentBytes: sizeOf(sent), begun };
}

interface Sent {
  readonly sent: readonly CompressedLayer[];
  readonly begun: CompressedImage["begun"];
}

async function sendRest(
  options: CompressOptions,
  compression: "auto" | CompressionMethod,
  layers: readonly Descriptor[],
): Promise<Sent> {
  const { client, log, isPublic } = options;
  const nothing = { sent: [], begun: new Map() };
  if (layers.length === 0 || (compression === "auto" && sizeOf(layers) < worthBytes)) return nothing;
  if (compression !== "auto") {
    log.info(`Layers go as ${compression}, as the input compression says.`);
    return { ...nothing, sent: await sendAll(options, compression, layers) };
  }
  if (await isPublic()) {
    log.info(`Layers go as gzip: ${client.registry} is a public registry, and not every client reads zstd.`);
    return { ...nothing, sent: await sendAll(options, "gzip", layers) };
  }
  return sendMeasured(options, layers);
}

/** Measures with the largest layer; what was sent of it for that is not lost where layers go as they are. */
async function sendMeasured(options: CompressOptions, layers: readonly Descriptor[]): Promise<Sent> {
  const { source, client, parallel, log } = options;
  const [largest] = layers.toSorted((a, b) => b.size - a.size);
  if (!largest) throw new Error("An image without layers to measure.");
  const { compress, upload } = await measureCompression(source, largest, options);
  const { method, reason } = chooseCompression({
    layerBytes: layers.map(({ size }) => size),
    lanes: Math.min(availableParallelism(), parallel, layers.length),
    compress,
    linkBytesPerSecond: upload.bytesPerSecond,
    isSameMachine: isLoopback(client.registry),
  });
  log.info(`Layers go ${method === "none" ? "as they are" : `as ${method}`}: ${reason}.`);
  if (method === "none") return { sent: [], begun: new Map([[largest.digest, upload.location]]) };
  await upload.cancel();
  return { sent: await sendAll(options, method, layers), begun: new Map() };
}

async function sendAll(
  options: CompressOptions,
  method: CompressionMethod,
  layers: readonly Descriptor[],
): Promise<readonly CompressedLayer[]> {
  const { source, client, repository, parallel, known, log } = options;
  const total = sizeOf(layers);
  const read = new Map<string, number>();
  const report = (layer: Descriptor, bytes: number) => {
    read.set(layer.digest, bytes);
    const done = [...read.values()].reduce((sum, value) => sum + value, 0);
    log.progress({ label: `push ${repository}`, done, total, unit: "bytes" });
  };
  // The largest first, so that no single one is left to wait for at the end.
  const queue = layers.toSorted((a, b) => b.size - a.size);
  const sent = await inParallel(queue, parallel, async (layer): Promise<CompressedLayer> => {
    const stored = await putStream(client, {
      repository,
      name: `layer ${layer.digest} as ${method}`,
      open: () => openCompressed(source, { layer, method }, (bytes) => report(layer, bytes)),
      atMostBytes: layer.size,
    });
    const entry = { layer, method, ...stored };
    await known.keep([entry]);
    return entry;
  });
  log.info(`Layers of ${formatSize(total)} were sent as ${formatSize(sizeOf(sent))} of ${method}.`);
  return sent;
}

function sizeOf(parts: readonly { readonly size: number }[]): number {
  return parts.reduce((sum, { size }) => sum + size, 0);
}
