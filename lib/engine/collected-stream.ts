import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { Parser, type ReadEntry } from "tar";
import { BlockQueue } from "../block-queue.ts";
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
 * end of a stream. The chunks of what is none may be overwritten when the next one is asked for. Throws when a file differs from its checksum, would leave the folder, or the stream ends before the archive does.
 */
export async function receiveTar(source: Readable | AsyncIterable<Uint8Array>, options: ReceiveOptions): Promise<void> {
  const { listing, received } = options;
  const written: CollectedFile[] = [];
  let isListed = false;
  try {
    await unpack(source, options.directory, written);
    await listing.whole;
    isListed = true;
  } finally {
    // Also when the archive breaks off: what came before that, and whose checksum did, is as good as ever.
    const expected = ({ path }: CollectedFile) => listing.files.get(path)?.sha256;
    received.push(...written.filter((file) => (expected(file) ?? (isListed ? file.sha256 : "")) === file.sha256));
  }
  for (const file of written) checkSum(file, listing);
}

async function unpack(
  source: Readable | AsyncIterable<Uint8Array>,
  directory: string,
  written: CollectedFile[],
): Promise<void> {
  const writes: { readonly entry: ReadEntry; readonly write: Promise<void> }[] = [];
  const broken = new Error("the archive breaks off");
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
    parser.on("eof", resolve).on("end", () => reject(broken));
    parser.once("error", reject);
    if (source instanceof Readable) source.once("error", reject).pipe(parser as unknown as NodeJS.WritableStream);
    else pump(source, parser).catch(reject);
  });
  try {
    await unpacked;
  } finally {
    // The file in which an archive breaks off never ends by itself; those before it may still be on their way to the disk.
    for (const { entry } of writes) if (entry.remain > 0) entry.destroy(broken);
    await Promise.allSettled(writes.map(({ write }) => write));
  }
  await Promise.all(writes.map(({ write }) => write));
  if (source instanceof Readable) source.unpipe();
}

/**
 * Hands the next chunk over when nothing of the last one is held any more. The parser holds a piece of a header, but headers are whole in chunks
 * of a multiple of 512 bytes.
 */
async function pump(chunks: AsyncIterable<Uint8Array>, parser: Parser): Promise<void> {
  for await (const chunk of chunks) {
    if (!parser.write(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)))
      await new Promise<void>((resolve) => void parser.once("drain", resolve));
  }
  parser.end();
}

async function takeEntry(entry: ReadEntry, directory: string): Promise<CollectedFile | undefined> {
  const path = entry.path.replace(/^\.\//, "");
  if (entry.type === "File" || entry.type === "OldFile") return await writeFile(path, blocksOfEntry(entry), directory);
  // One that is given up says so, also when nobody asks.
  entry.on("error", () => {}).resume();
  return undefined;
}

/** Takes the content while the parser gives it: its chunks may be overwritten after that. */
function blocksOfEntry(entry: ReadEntry): BlockQueue {
  const queue = new BlockQueue({ blockBytes: blockBytesOf(entry.size), onWanted: () => entry.resume() });
  entry.on("data", (chunk) => queue.add(chunk) || entry.pause());
  entry.on("end", () => queue.end()).on("error", queue.end);
  return queue;
}

/** Writes files that come one after the other, each as long as the listing says. Throws as receiveTar does. */
export async function receiveCat(stream: Readable, options: ReceiveOptions): Promise<void> {
  const { directory, listing, received } = options;
  await listing.whole;
  const read = createReader(stream);
  for (const [path, { sizeBytes = 0 }] of listing.files) {
    const file = await writeFile(path, blocksOf(read(sizeBytes), sizeBytes), directory);
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

/** A chunk of a stream is small, and each write and each hash has its price; a small file needs no more than it has. */
function blockBytesOf(sizeBytes: number): number {
  return Math.max(1, Math.min(1 << 20, sizeBytes));
}

function blocksOf(content: AsyncIterable<Uint8Array>, sizeBytes: number): BlockQueue {
  let wanted = Promise.withResolvers<void>();
  const queue = new BlockQueue({ blockBytes: blockBytesOf(sizeBytes), onWanted: () => wanted.resolve() });
  const fill = async () => {
    for await (const chunk of content) {
      wanted = Promise.withResolvers();
      if (!queue.add(chunk)) await wanted.promise;
    }
  };
  fill().then(() => queue.end(), queue.end);
  return queue;
}

/** Writes a block while the next one fills. */
async function writeFile(path: string, blocks: AsyncIterable<Uint8Array>, directory: string): Promise<CollectedFile> {
  const isSafe = path !== "" && !path.startsWith("/") && !path.split("/").includes("..");
  if (!isSafe)
    throw new Error(`the test left a file with the path ${JSON.stringify(path)}, which would leave the folder`);
  const target = join(directory, path);
  await mkdir(dirname(target), { recursive: true });
  const hash = createHash("sha256");
  let sizeBytes = 0;
  await using file = await open(target, "w");
  for await (const block of blocks) {
    const written = writeAll(file, block);
    hash.update(block);
    sizeBytes += block.length;
    await written;
  }
  return { path, sizeBytes, sha256: hash.digest("hex") };
}

async function writeAll(file: FileHandle, block: Uint8Array): Promise<void> {
  for (let at = 0; at < block.length; ) at += (await file.write(block, at)).bytesWritten;
}

function checkSum({ path, sha256 }: CollectedFile, { files }: Listing): void {
  const expected = files.get(path)?.sha256;
  if (expected !== undefined && expected !== sha256)
    throw new Error(`${path} came with other bytes than it has in the pod`);
}
