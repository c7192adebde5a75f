import { readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { setImmediate as turn } from "node:timers/promises";

/** A chunk that stays in a core's cache between its reading and its sending. */
const quickChunkBytes = 1 << 19;

/** After so many of them others have their turn: what is sent may leave at once, for as long as somebody takes it. */
const quickChunks = 8;

/** Fewer and larger ones where each is a turn of the event loop. */
const slowChunkBytes = 1 << 21;

/** What is slower than that is not waited for: 100 MB/s, 5 ms a chunk. */
const quickBytesPerMs = 100_000;

/**
 * A file's bytes in chunks of which each is valid until the next one is asked for, so that a layer of gigabytes costs no memory and no collection of it. What
 * the page cache or a fast disk has is read in place, which takes less time than handing it to another thread; else the next chunk is read while one is sent.
 */
export async function* readFileContent(path: string): AsyncGenerator<Uint8Array> {
  await using file = await open(path);
  const isAll = yield* readInPlace(file);
  if (!isAll) yield* readAhead(file);
}

/** Ends with whether that was all: a file that comes too slowly is left where it is. */
async function* readInPlace({ fd }: FileHandle): AsyncGenerator<Uint8Array, boolean> {
  const buffer = Buffer.allocUnsafeSlow(quickChunkBytes);
  let [sum, durationMs] = [0, 0];
  for (let count = 1; durationMs <= sum / quickBytesPerMs; count++) {
    const startedAt = performance.now();
    const filled = readSync(fd, buffer);
    durationMs += performance.now() - startedAt;
    if (filled === 0) return true;
    sum += filled;
    yield buffer.subarray(0, filled);
    if (count % quickChunks === 0) await turn();
  }
  return false;
}

async function* readAhead(file: FileHandle): AsyncGenerator<Uint8Array> {
  let current = Buffer.allocUnsafeSlow(slowChunkBytes);
  let other = Buffer.allocUnsafeSlow(slowChunkBytes);
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
