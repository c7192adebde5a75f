import type { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream";
import { checkedChunks } from "./digest.ts";
import { type Descriptor, mediaTypes } from "./manifest.ts";
import type { ImageSource } from "./source.ts";

/** How a layer is compressed. Level 1 of zstd is smaller than gzip's default at a tenth of its time. */
export type CompressionMethod = "zstd" | "gzip";

/** A layer that is not compressed, and what a registry gets in its place. */
export interface CompressedLayer {
  readonly layer: Descriptor;
  readonly method: CompressionMethod;
  /** Of the compressed bytes. */
  readonly digest: string;
  /** Of the compressed bytes. */
  readonly size: number;
}

/** What a layer and a sample of it are compressed by; larger pieces of output are no faster, and are memory that waits to be collected. */
export function zstdOptions() {
  return { chunkSize, params: { [zlib().constants.ZSTD_c_compressionLevel]: 1 } } as const;
}

const chunkSize = 1 << 16;

// Loaded where something is compressed, which most pushes never do: 4 ms of each start.
const zlib = () => process.getBuiltinModule("node:zlib");

/** Names what makes the same bytes of the same layer: the method, its level and the version of its library. */
export function formatOf(method: CompressionMethod): string {
  return method === "zstd" ? `zstd-1 ${process.versions.zstd}` : `gzip-6 ${process.versions.zlib}`;
}

/** Whether a layer may be compressed: by its media type it is a plain tar, and it may be passed on. */
export function isUncompressed({ mediaType }: Descriptor): boolean {
  return mediaType === mediaTypes.ociLayer || mediaType === mediaTypes.dockerLayer;
}

/** A layer's bytes, checked against its digest and compressed: the same ones each time. `onRead` is told the bytes read of it so far. */
export async function openCompressed(
  source: Pick<ImageSource, "open" | "read" | "description">,
  { layer, method }: Pick<CompressedLayer, "layer" | "method">,
  onRead: (bytes: number) => void = () => {},
): Promise<Readable> {
  let sum = 0;
  const watched = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    onRead(0);
    for await (const chunk of checkedChunks(chunks, layer, source.description)) {
      yield chunk;
      sum += chunk.length;
      onRead(sum);
    }
  };
  const content: AsyncIterable<Uint8Array> = source.read?.(layer) ?? (await source.open(layer));
  // The compressor has had a chunk when the next one is asked for: they are larger than what it would let wait.
  return pipeline(content, watched, createCompressor(method), () => {});
}

// Never by several threads of its own (ZSTD_c_nbWorkers fails in Node 24.21): layers are what goes side by side.
function createCompressor(method: CompressionMethod): Transform {
  return method === "zstd" ? zlib().createZstdCompress(zstdOptions()) : zlib().createGzip({ chunkSize });
}
