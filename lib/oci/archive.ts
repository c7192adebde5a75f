import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { DomainError } from "../error.ts";
import { indexTar, type TarEntry } from "./tar-index.ts";

/** Reads single files of an uncompressed tar without unpacking it. */
export interface Archive {
  readonly path: string;
  find(name: string): TarEntry | undefined;
  stream(entry: TarEntry): Readable;
  /** Throws when the entry is larger than 8 MiB: only documents are read whole. */
  read(entry: TarEntry): Promise<Buffer>;
}

/** The entry of this name, or DomainError `archive-invalid`. */
export function mustFind(archive: Archive, name: string): TarEntry {
  const entry = archive.find(name);
  if (!entry) throw invalid(archive.path, `it lacks ${name}`);
  return entry;
}

/** Indexes an archive. Throws DomainError `archive-invalid`, also for a compressed one. */
export async function readArchive(path: string): Promise<Archive> {
  await using file = await open(path);
  const entries = await indexOf(file, path);
  return {
    path,
    find: (name) => follow(entries, name),
    stream: ({ offset, size }) =>
      createReadStream(path, { start: offset, end: offset + Math.max(size, 1) - 1, highWaterMark: 1 << 20 }),
    read: async (entry) => {
      if (entry.size > 8 << 20) throw invalid(path, `${entry.path} has ${entry.size} bytes`);
      await using again = await open(path);
      const { buffer } = await again.read(Buffer.alloc(entry.size), 0, entry.size, entry.offset);
      return buffer;
    },
  };
}

async function indexOf(file: FileHandle, path: string): Promise<ReadonlyMap<string, TarEntry>> {
  const entries = await indexTar(file).catch((error: unknown) => {
    throw invalid(path, error instanceof Error ? error.message : String(error));
  });
  if (entries) return entries;
  throw invalid(path, "it is no tar, or a compressed one; decompress it first");
}

// Older docker saves link a layer that two images share.
function follow(entries: ReadonlyMap<string, TarEntry>, name: string, hops = 0): TarEntry | undefined {
  const entry = entries.get(name);
  if (entry?.linkTarget === undefined || hops > 8) return entry?.linkTarget === undefined ? entry : undefined;
  const steps = entry.linkTarget.startsWith("..")
    ? [...name.split("/").slice(0, -1), ...entry.linkTarget.split("/")]
    : entry.linkTarget.split("/");
  const resolved: string[] = [];
  for (const step of steps) {
    if (step === "..") resolved.pop();
    else if (step !== "." && step !== "") resolved.push(step);
  }
  return follow(entries, resolved.join("/"), hops + 1);
}

function invalid(path: string, observed: string): DomainError {
  return new DomainError("archive-invalid", `File ${path} is no image archive: ${observed}.`, {
    hint: "Give an uncompressed archive of docker save, podman save or a builder's type=oci.",
  });
}
