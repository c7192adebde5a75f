import { promisify } from "node:util";
import type { CompressionRate } from "./choose-compression.ts";
import { zstdOptions } from "./layer-compression.ts";
import type { Descriptor } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { ImageSource } from "./source.ts";
import { type BegunUpload, beginBlob } from "./stream-upload.ts";

/** Enough to know what a layer is like, and little of what it takes to send one that is worth the question. */
const limits = { bytes: 32 << 20, durationMs: 50 } as const;

export interface MeasuredCompression {
  readonly compress: CompressionRate;
  /** The beginning of the layer, as it is: to be gone on with, or cancelled. */
  readonly upload: BegunUpload;
}

/** Compresses and sends the beginning of a layer, both at once and each for a twentieth of a second at the most. */
export async function measureCompression(
  source: ImageSource,
  layer: Descriptor,
  { client, repository }: { readonly client: RegistryClient; readonly repository: string },
): Promise<MeasuredCompression> {
  const open = async () => source.read?.(layer) ?? (await source.open(layer));
  const [rate, upload] = await Promise.all([measureRate(open), beginBlob(client, { repository, open }, limits)]);
  return { compress: rate, upload };
}

async function measureRate(open: () => Promise<AsyncIterable<Uint8Array>>): Promise<CompressionRate> {
  const compress = promisify(process.getBuiltinModule("node:zlib").zstdCompress);
  let read = 0;
  let written = 0;
  let durationMs = 0;
  for await (const chunk of await open()) {
    // Reading is left out: layers that stay as they are have to be read as well.
    const startedAt = performance.now();
    const packed = await compress(chunk, zstdOptions());
    durationMs += performance.now() - startedAt;
    read += chunk.length;
    written += packed.length;
    if (read >= limits.bytes || durationMs > limits.durationMs) break;
  }
  return { bytesPerSecond: (read / durationMs) * 1000, ratio: written / read };
}
