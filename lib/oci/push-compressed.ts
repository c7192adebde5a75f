import { type CompressOptions, compressLayers } from "./compress-layers.ts";
import { type PushOptions, type PushResult, pushImage } from "./push-image.ts";
import type { ImageSource } from "./source.ts";

/** Pushes an image with its layers compressed where they are not and that is chosen; the image in the result is the one that was pushed. */
export async function pushCompressed(
  options: PushOptions & CompressOptions,
): Promise<PushResult & { readonly image: ImageSource }> {
  const { source: image, sentBytes, begun } = await compressLayers(options);
  const { digest, ...pushed } = await pushImage({ ...options, source: image, begun });
  const total = pushed.pushedBytes + pushed.skippedBytes;
  // What the registry lost in between was sent twice, and counts once.
  const pushedBytes = Math.min(total, pushed.pushedBytes + sentBytes);
  return { image, digest, pushedBytes, skippedBytes: total - pushedBytes };
}
