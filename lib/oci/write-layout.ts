import { createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { checkContent } from "./digest.ts";
import { layoutDocuments } from "./image-archive.ts";
import { readContent } from "./image-content.ts";
import { blobPath } from "./layout-source.ts";
import type { Descriptor } from "./manifest.ts";
import type { ImageSource } from "./source.ts";

/** What was written into a layout. */
export interface WrittenLayout {
  readonly digest: string;
  readonly pushedBytes: number;
  readonly skippedBytes: number;
}

/**
 * Writes an image into an OCI image layout folder, each blob checked; those that are there with their size are kept. The index names this image alone and is
 * written last, so that a folder never names what it lacks. Throws DomainError `content-damaged`.
 */
export async function writeLayout(
  source: ImageSource,
  folder: string,
  names: readonly string[],
): Promise<WrittenLayout> {
  const { manifests, blobs } = await readContent(source);
  let pushedBytes = 0;
  for (const { descriptor, bytes } of manifests) await put(folder, descriptor, Readable.from([bytes]), source);
  for (const blob of blobs) {
    const found = await stat(blobPath(folder, blob.digest)).catch(() => undefined);
    if (found?.size === blob.size) continue;
    await put(folder, blob, await source.open(blob), source);
    pushedBytes += blob.size;
  }
  for (const [path, text] of Object.entries(layoutDocuments(source.root, names))) {
    await writeFile(join(folder, `${path}.part`), text);
    await rename(join(folder, `${path}.part`), join(folder, path));
  }
  const allBytes = blobs.reduce((sum, { size }) => sum + size, 0);
  return { digest: source.root.digest, pushedBytes, skippedBytes: allBytes - pushedBytes };
}

async function put(folder: string, blob: Descriptor, content: Readable, source: ImageSource): Promise<void> {
  const path = blobPath(folder, blob.digest);
  await mkdir(dirname(path), { recursive: true });
  try {
    await pipeline(content, checkContent(blob, source.description), createWriteStream(`${path}.part`));
    await rename(`${path}.part`, path);
  } catch (error) {
    await rm(`${path}.part`, { force: true });
    throw error;
  }
}
