import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Header, type HeaderData, Pax } from "tar";
import { DomainError } from "../error.ts";

/** A file to put into a layer. */
export interface LayerFile {
  readonly path: string;
  readonly kind: "file" | "executable" | "symlink";
  readonly size: number;
}

export interface LayerOptions {
  /** Where the layer is written. */
  readonly file: string;
  /** Absolute folder of the image that the files go to. */
  readonly targetDirectory: string;
  /** In the order of their paths' bytes; each one's bytes are read before the next is asked for. */
  readonly contents: AsyncIterable<{ readonly file: LayerFile; readonly bytes: AsyncIterable<Uint8Array> }>;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Time of every entry, in Unix seconds. */
  readonly mtimeSeconds: number;
}

/** A layer as it was written: uncompressed, so that one digest names it packed and unpacked. */
export interface WrittenLayer {
  readonly digest: string;
  readonly size: number;
}

const chunkBytes = 1 << 18;

/**
 * Writes a layer that depends on nothing but its options: same files, same digest. The target folder and those in it get entries, those above
 * it do not, because an entry would change the mode and owner that the base image gave them. Throws DomainError `file-changed`.
 */
export async function writeLayer(options: LayerOptions): Promise<WrittenLayer> {
  const hash = createHash("sha256");
  let size = 0;
  const count = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      hash.update(chunk);
      size += chunk.length;
      yield chunk;
    }
  };
  await pipeline(Readable.from(joined(blocks(options))), count, createWriteStream(options.file));
  return { digest: `sha256:${hash.digest("hex")}`, size };
}

async function* blocks(options: LayerOptions): AsyncGenerator<Uint8Array> {
  const prefix = options.targetDirectory.replace(/^\/+|\/+$/g, "");
  const known = new Set<string>();
  if (prefix !== "") yield header({ path: `${prefix}/`, type: "Directory", mode: 0o755 }, options);
  for await (const { file, bytes } of options.contents) {
    for (const folder of foldersOf(file.path)) {
      if (known.has(folder)) continue;
      known.add(folder);
      yield header({ path: `${join(prefix, folder)}/`, type: "Directory", mode: 0o755 }, options);
    }
    yield* entry(join(prefix, file.path), file, bytes, options);
  }
  yield Buffer.alloc(1024);
}

async function* entry(
  path: string,
  file: LayerFile,
  bytes: AsyncIterable<Uint8Array>,
  options: LayerOptions,
): AsyncGenerator<Uint8Array> {
  if (file.kind === "symlink") {
    const target: Uint8Array[] = [];
    for await (const chunk of bytes) target.push(chunk);
    yield header(
      { path, type: "SymbolicLink", mode: 0o777, linkpath: Buffer.concat(target).toString("utf8") },
      options,
    );
    return;
  }
  yield header({ path, type: "File", mode: file.kind === "executable" ? 0o755 : 0o644, size: file.size }, options);
  let written = 0;
  for await (const chunk of bytes) {
    written += chunk.length;
    yield chunk;
  }
  if (written !== file.size) {
    throw new DomainError(
      "file-changed",
      `File ${file.path} changed while it was read: ${written} bytes instead of ${file.size}.`,
      {
        hint: "Run again when nothing writes into the worktree.",
        retryable: true,
      },
    );
  }
  yield Buffer.alloc((512 - (written % 512)) % 512);
}

function header(data: HeaderData, { owner, mtimeSeconds }: LayerOptions): Buffer {
  const fields = { ...owner, uname: "", gname: "", size: 0, ...data, mtime: new Date(mtimeSeconds * 1000) };
  const block = Buffer.alloc(512);
  const simple = new Header(fields);
  const isComplete = !simple.encode(block);
  if (isComplete) return block;
  // What did not fit or is not ASCII stands in an extended header before it.
  const { path, linkpath, size } = fields;
  return Buffer.concat([new Pax({ path, linkpath, size } as ConstructorParameters<typeof Pax>[0]).encode(), block]);
}

// Writes of 512 bytes would cost more than everything else.
async function* joined(parts: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const part of parts) {
    waiting.push(part);
    length += part.length;
    if (length < chunkBytes) continue;
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  yield Buffer.concat(waiting);
}

function foldersOf(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_part, at) => parts.slice(0, at + 1).join("/"));
}

function join(prefix: string, path: string): string {
  return prefix === "" ? path : `${prefix}/${path}`;
}
