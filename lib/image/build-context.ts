import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { DigestCache } from "./digest-cache.ts";
import { createPathMatcher, type PathMatcher } from "./path-pattern.ts";

/** One file or symbolic link of the context as a build sees it. */
export interface ContextFile {
  readonly path: string;
  /** Of the bytes of a file, or of the target of a link. */
  readonly sha256: string;
  /** Permissions that a checkout keeps: other bits depend on the umask of whoever cloned. */
  readonly kind: "file" | "executable" | "link";
  readonly sizeBytes: number;
}

export interface ReadContextOptions {
  readonly directory: string;
  /** Paths and patterns that the Dockerfile reads. */
  readonly sources: readonly string[] | "everything";
  /** Lines of the ignore file. */
  readonly ignore: readonly string[];
  readonly digests: DigestCache;
  readonly signal: AbortSignal;
  readonly onFile?: (file: ContextFile) => void;
}

/**
 * Hashes the files that a build can read from its context, sorted by path; reads one file at a time, never a whole one into memory, and
 * none whose digest is kept.
 */
export async function readContext(options: ReadContextOptions): Promise<readonly ContextFile[]> {
  if (options.sources !== "everything" && options.sources.length === 0) return [];
  const wanted = options.sources === "everything" ? () => true : createPathMatcher(options.sources);
  const ignored = createPathMatcher(options.ignore);
  // With a `!` a file inside an ignored folder may come back: then no folder can be left out as a whole.
  const prune = options.ignore.some((line) => line.trim().startsWith("!")) ? () => false : ignored;
  const files: ContextFile[] = [];
  for await (const path of walk(options.directory, "", prune)) {
    if (!wanted(path) || ignored(path)) continue;
    const file = await readContextFile(path, options);
    if (!file) continue;
    files.push(file);
    options.onFile?.(file);
  }
  return files.sort((one, other) => (one.path < other.path ? -1 : 1));
}

/**
 * The ignore file that counts for a Dockerfile: `<Dockerfile>.dockerignore` beside it, else `.dockerignore` of the context. A builder
 * that would choose another one is given this path.
 */
export async function findIgnoreFile(dockerfile: string, context: string): Promise<string | undefined> {
  const candidates = [`${dockerfile}.dockerignore`, join(context, ".dockerignore")];
  for (const candidate of candidates) {
    const stat = await lstat(candidate).catch(() => undefined);
    if (stat?.isFile()) return candidate;
  }
  return undefined;
}

/** Lines of an ignore file; none when there is no file. */
export async function readIgnoreFile(path: string | undefined): Promise<readonly string[]> {
  return path === undefined ? [] : (await readFile(path, "utf8")).split(/\r?\n/);
}

async function* walk(root: string, folder: string, prune: PathMatcher): AsyncGenerator<string> {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  for (const entry of entries) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (!entry.isDirectory()) yield path;
    else if (!prune(path)) yield* walk(root, path, prune);
  }
}

async function readContextFile(
  path: string,
  { directory, digests, signal }: ReadContextOptions,
): Promise<ContextFile | undefined> {
  const full = join(directory, path);
  const stat = await lstat(full, { bigint: true });
  if (stat.isSymbolicLink()) {
    const sha256 = createHash("sha256")
      .update(await readlink(full))
      .digest("hex");
    return { path, sha256, kind: "link", sizeBytes: 0 };
  }
  if (!stat.isFile()) return undefined;
  let sha256 = digests.find(stat);
  if (sha256 === undefined) {
    sha256 = await hashFile(full, signal);
    digests.keep(stat, sha256);
  }
  const kind = (stat.mode & 0o100n) === 0n ? "file" : "executable";
  return { path, sha256, kind, sizeBytes: Number(stat.size) };
}

async function hashFile(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20, signal })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
