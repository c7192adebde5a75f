import { type FileHandle, open } from "node:fs/promises";

const chunkBytes = 1 << 21;

/**
 * A file's bytes in chunks of which each is valid until the next one is asked for: two buffers take turns, so that a layer of gigabytes costs no
 * memory and no collection of it, and the next chunk is read while one is sent.
 */
export async function* readFileContent(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path);
  let current = Buffer.allocUnsafeSlow(chunkBytes);
  let other = Buffer.allocUnsafeSlow(chunkBytes);
  let filled = await fill(file, current);
  while (filled > 0) {
    const next = fill(file, other);
    // Awaited below; until then nobody listens to its failure.
    next.catch(() => {});
    try {
      yield current.subarray(0, filled);
    } finally {
      filled = await next;
    }
    [current, other] = [other, current];
  }
}

async function fill(file: FileHandle, buffer: Buffer): Promise<number> {
  const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
  return bytesRead;
}
