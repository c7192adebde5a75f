import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { Parser, type ReadEntry } from "tar";
import type { CollectedFile } from "./test-pod.ts";

/** What the collector says of a file; its size is known for `cat` only. */
export interface FileFacts {
  readonly sha256: string | undefined;
  readonly sizeBytes: number | undefined;
}

/** What the collector sends. */
export interface Listing {
  /** By path; they come while a tar is on its way. */
  readonly files: ReadonlyMap<string, FileFacts>;
  /** Settles when all of them have come. */
  readonly whole: Promise<void>;
}

export interface ReceiveOptions {
  readonly directory: string;
  readonly listing: Listing;
  /** Gets each file that is whole, once its checksum was compared. */
  readonly received: CollectedFile[];
}

/**
 * Writes the regular files of a tar archive, and nothing else of it, below a folder; returns at the archive's own end, which comes before the
 * end of the stream. Throws when a file differs from its checksum, would leave the folder, or the stream ends before the archive does.
 */
export async function receiveTar(stream: Readable, options: ReceiveOptions): Promise<void> {
  const { listing, received } = options;
  const written: CollectedFile[] = [];
  let isListed = false;
  try {
    await unpack(stream, options.directory, written);
    await listing.whole;
    isListed = true;
  } finally {
    // Also when the archive breaks off: what came before that, and whose checksum did, is as good as ever.
    const expected = ({ path }: CollectedFile) => listing.files.get(path)?.sha256;
    received.push(...written.filter((file) => (expected(file) ?? (isListed ? file.sha256 : "")) === file.sha256));
  }
  for (const file of written) checkSum(file, listing);
}

async function unpack(stream: Readable, directory: string, written: CollectedFile[]): Promise<void> {
  const writes: { readonly entry: ReadEntry; readonly write: Promise<void> }[] = [];
  const unpacked = new Promise<void>((resolve, reject) => {
    const parser = new Parser({
      strict: true,
      onReadEntry: (entry) => {
        const write = takeEntry(entry, directory).then((file) => void (file && written.push(file)));
        write.catch(reject);
        writes.push({ entry, write });
      },
    });
    // The parser ends after everything before was written, so that a whole archive has said `eof` by then.
    parser.on("eof", resolve).on("end", () => reject(new Error("the archive breaks off")));
    for (const emitter of [parser, stream]) emitter.once("error", reject);
    stream.pipe(parser as unknown as NodeJS.WritableStream);
  });
  try {
    await unpacked;
  } finally {
    // The file in which an archive breaks off never ends by itself; those before it may still be on their way to the disk.
    for (const { entry } of writes) if (entry.remain > 0) entry.destroy();
    await Promise.allSettled(writes.filter(({ entry }) => entry.remain === 0).map(({ write }) => write));
  }
  await Promise.all(writes.map(({ write }) => write));
  stream.unpipe();
}

async function takeEntry(entry: ReadEntry, directory: string): Promise<CollectedFile | undefined> {
  const path = entry.path.replace(/^\.\//, "");
  if (entry.type === "File" || entry.type === "OldFile")
    return await writeContent(path, entry as unknown as AsyncIterable<Uint8Array>, directory);
  entry.resume();
  return undefined;
}

/** Writes files that come one after the other, each as long as the listing says. Throws as receiveTar does. */
export async function receiveCat(stream: Readable, options: ReceiveOptions): Promise<void> {
  const { directory, listing, received } = options;
  await listing.whole;
  const read = createReader(stream);
  for (const [path, { sizeBytes = 0 }] of listing.files) {
    const file = await writeContent(path, read(sizeBytes), directory);
    checkSum(file, listing);
    received.push(file);
  }
}

/** Hands out the next so many bytes of a stream, again and again. */
function createReader(stream: Readable): (sizeBytes: number) => AsyncGenerator<Uint8Array> {
  const chunks = stream.iterator({ destroyOnReturn: false });
  let rest: Uint8Array = new Uint8Array();
  return async function* (sizeBytes) {
    let missing = sizeBytes;
    while (missing > 0) {
      if (rest.length === 0) {
        const next: IteratorResult<Uint8Array> = await chunks.next();
        if (next.done) throw new Error("the stream breaks off");
        rest = next.value;
      }
      const part = rest.subarray(0, missing);
      rest = rest.subarray(part.length);
      missing -= part.length;
      yield part;
    }
  };
}

/** A chunk of a stream is small, and each write and each hash has its price. */
const blockBytes = 1 << 20;

async function writeContent(
  path: string,
  content: AsyncIterable<Uint8Array>,
  directory: string,
): Promise<CollectedFile> {
  const isSafe = path !== "" && !path.startsWith("/") && !path.split("/").includes("..");
  if (!isSafe)
    throw new Error(`the test left a file with the path ${JSON.stringify(path)}, which would leave the folder`);
  const target = join(directory, path);
  await mkdir(dirname(target), { recursive: true });
  const hash = createHash("sha256");
  let sizeBytes = 0;
  await using file = await open(target, "w");
  let written = Promise.resolve();
  for await (const block of inBlocks(content)) {
    hash.update(block);
    sizeBytes += block.length;
    await written;
    written = writeAll(file, block);
    // Awaited with the next block, or below.
    written.catch(() => {});
  }
  await written;
  return { path, sizeBytes, sha256: hash.digest("hex") };
}

async function writeAll(file: FileHandle, block: Uint8Array): Promise<void> {
  for (let at = 0; at < block.length; ) at += (await file.write(block, at)).bytesWritten;
}

/** Joins chunks into blocks, each of which is overwritten by the next but one: one is written while the next one comes. */
async function* inBlocks(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let [block, other] = [Buffer.alloc(0), Buffer.alloc(0)];
  let filled = 0;
  for await (const chunk of content) {
    if (filled > 0 && filled + chunk.length > blockBytes) {
      yield block.subarray(0, filled);
      [block, other] = [other, block];
      filled = 0;
    }
    // The one of a small file is as small.
    if (filled + chunk.length > block.length)
      block = Buffer.concat(
        [block.subarray(0, filled)],
        Math.max(filled + chunk.length, Math.min(blockBytes, 4 * block.length)),
      );
    block.set(chunk, filled);
    filled += chunk.length;
  }
  if (filled > 0) yield block.subarray(0, filled);
}

function checkSum({ path, sha256 }: CollectedFile, { files }: Listing): void {
  const expected = files.get(path)?.sha256;
  if (expected !== undefined && expected !== sha256)
    throw new Error(`${path} came with other bytes than it has in the pod`);
}
