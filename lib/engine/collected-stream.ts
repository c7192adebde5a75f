import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Parser, type ReadEntry } from "tar";
import type { CollectedFile } from "./test-pod.ts";

/** What the collector is about to send: path to checksum, and size where it is known (`cat` only). */
export interface Listing {
  readonly format: "tar" | "cat";
  readonly files: ReadonlyMap<string, { readonly sha256: string | undefined; readonly sizeBytes: number | undefined }>;
}

export interface ReceiveOptions {
  readonly directory: string;
  readonly listing: Listing;
  /** Gets each file as soon as it is whole and its checksum was compared. */
  readonly received: CollectedFile[];
}

/**
 * Writes the regular files of a tar archive, and nothing else of it, below a folder; returns at the archive's own end, which comes before the
 * end of the stream. Throws when a file differs from its checksum, would leave the folder, or the stream ends before the archive does.
 */
export async function receiveTar(stream: Readable, options: ReceiveOptions): Promise<void> {
  const writes: Promise<void>[] = [];
  await new Promise<void>((resolve, reject) => {
    const parser = new Parser({
      strict: true,
      onReadEntry: (entry) => {
        const write = takeEntry(entry, options);
        write.catch(reject);
        writes.push(write);
      },
    });
    // The parser ends after everything before was written, so that a whole archive has said `eof` by then.
    parser.on("eof", resolve).on("end", () => reject(new Error("the archive breaks off")));
    for (const emitter of [parser, stream]) emitter.once("error", reject);
    stream.pipe(parser as unknown as NodeJS.WritableStream);
  });
  await Promise.all(writes);
  stream.unpipe();
}

async function takeEntry(entry: ReadEntry, options: ReceiveOptions): Promise<void> {
  const path = entry.path.replace(/^\.\//, "");
  if (entry.type !== "File" && entry.type !== "OldFile") {
    entry.resume();
    return;
  }
  await takeFile(path, entry as unknown as AsyncIterable<Uint8Array>, options);
}

/** Writes files that come one after the other, each as long as the listing says. Throws as receiveTar does. */
export async function receiveCat(stream: Readable, options: ReceiveOptions): Promise<void> {
  const read = createReader(stream);
  for (const [path, { sizeBytes = 0 }] of options.listing.files) await takeFile(path, read(sizeBytes), options);
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

async function takeFile(path: string, content: AsyncIterable<Uint8Array>, options: ReceiveOptions): Promise<void> {
  const isSafe = path !== "" && !path.startsWith("/") && !path.split("/").includes("..");
  if (!isSafe)
    throw new Error(`the test left a file with the path ${JSON.stringify(path)}, which would leave the folder`);
  const target = join(options.directory, path);
  await mkdir(dirname(target), { recursive: true });
  const hash = createHash("sha256");
  let sizeBytes = 0;
  const measure = async function* (source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      yield chunk;
    }
  };
  await pipeline(Readable.from(content), measure, createWriteStream(target));
  const sha256 = hash.digest("hex");
  const expected = options.listing.files.get(path)?.sha256;
  if (expected !== undefined && expected !== sha256)
    throw new Error(`${path} came with other bytes than it has in the pod`);
  options.received.push({ path, sizeBytes, sha256 });
}
