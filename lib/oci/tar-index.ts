import type { FileHandle } from "node:fs/promises";
import { Header, Pax } from "tar";

/** Where one file lies in an archive; a link has a target instead of content. */
export interface TarEntry {
  readonly path: string;
  readonly offset: number;
  readonly size: number;
  readonly linkTarget: string | undefined;
}

const block = 512;
const maxHeaderBytes = 1 << 20;

/**
 * Finds the files of an uncompressed tar by its headers alone: gigabytes of layers are skipped, not read. Undefined
 * when the file is no tar; throws when it ends too early.
 */
export async function indexTar(file: FileHandle): Promise<ReadonlyMap<string, TarEntry> | undefined> {
  const { size: end } = await file.stat();
  const entries = new Map<string, TarEntry>();
  let extended: Pax | undefined;
  let longPath: string | undefined;
  for (let at = 0; at + block <= end; ) {
    const bytes = await readAt(file, at, block);
    if (bytes.every((byte) => byte === 0)) break;
    const header = new Header(bytes, 0, extended);
    if (!header.cksumValid) return undefined;
    const size = header.size ?? 0;
    const content = at + block;
    at = content + Math.ceil(size / block) * block;
    if (at > end) throw new Error(`the archive ends inside ${header.path}`);
    if (isMeta(header.type)) {
      if (size > maxHeaderBytes) throw new Error(`a header of ${size} bytes`);
      const text = (await readAt(file, content, size)).toString("utf8");
      if (header.type === "ExtendedHeader") extended = Pax.parse(text);
      if (header.type === "NextFileHasLongPath") longPath = text.replace(/\0.*$/s, "");
      continue;
    }
    const path = normalise(longPath ?? header.path ?? "");
    const isLink = header.type === "SymbolicLink" || header.type === "Link";
    entries.set(path, { path, offset: content, size, linkTarget: isLink ? (header.linkpath ?? "") : undefined });
    extended = undefined;
    longPath = undefined;
  }
  return entries;
}

async function readAt(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, offset);
  if (bytesRead !== length) throw new Error("the archive became shorter while it was read");
  return buffer;
}

function isMeta(type: string): boolean {
  return ["ExtendedHeader", "GlobalExtendedHeader", "NextFileHasLongPath", "NextFileHasLongLinkpath"].includes(type);
}

function normalise(path: string): string {
  return path.replace(/^(?:\.?\/)+/, "").replace(/\/$/, "");
}
