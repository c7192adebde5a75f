import { createReadStream, type Stats } from "node:fs";
import { lstat, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import pLimit from "p-limit";
import type { TreeContent, TreeFile, TreeListing } from "./git-tree.ts";
import { type GitContext, runGit } from "./run-git.ts";
import { comparePaths, splitRecords } from "./tree-path.ts";

/** Lists the files on the disk below the context's directory: tracked and new ones, without those that were deleted and, unless they are asked for, that git ignores. */
export async function readWorktreeFiles(context: GitContext, includeIgnored = false): Promise<TreeListing> {
  const output = await runGit(context, [
    "ls-files",
    "-z",
    "--cached",
    "--others",
    ...(includeIgnored ? [] : ["--exclude-standard"]),
    "--deduplicate",
  ]);
  const paths = [...new Set(splitRecords(output))];
  const limit = pLimit(32);
  const found = await Promise.all(paths.map((path) => limit(() => look(context.directory, path))));
  const links = new Set(found.filter((entry) => entry?.kind === "symlink").map((entry) => entry?.path));
  const isFile = (entry: (typeof found)[number]): entry is TreeFile =>
    entry !== undefined && entry.kind !== "folder" && !foldersOf(entry.path).some((folder) => links.has(folder));
  return {
    files: found.filter(isFile).toSorted(comparePaths),
    // git names a folder only where another repository begins.
    submodules: found.filter((entry) => entry?.kind === "folder").map((entry) => entry?.path ?? ""),
    contents: (files) => readFiles(context, files),
  };
}

async function look(directory: string, path: string): Promise<TreeFile | { path: string; kind: "folder" } | undefined> {
  const stats = await lstat(join(directory, path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
    throw error;
  });
  if (stats?.isDirectory()) return { path: path.replace(/\/$/, ""), kind: "folder" };
  if (stats?.isSymbolicLink()) {
    return { path, kind: "symlink", size: Buffer.byteLength(await readlink(join(directory, path))) };
  }
  return stats?.isFile() ? { path, kind: kindOf(stats), size: stats.size } : undefined;
}

// As git sees it: the owner's bit decides.
function kindOf(stats: Stats): "file" | "executable" {
  return (stats.mode & 0o100) === 0 ? "file" : "executable";
}

// A tracked folder that a symlink took the place of: what lies behind the link is not part of the tree.
function foldersOf(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_part, at) => parts.slice(0, at + 1).join("/"));
}

async function* readFiles(context: GitContext, files: readonly TreeFile[]): AsyncGenerator<TreeContent> {
  for (const file of files) {
    context.signal?.throwIfAborted();
    yield { file, bytes: readBytes(join(context.directory, file.path), file) };
  }
}

async function* readBytes(path: string, file: TreeFile): AsyncGenerator<Uint8Array> {
  if (file.kind === "symlink") yield Buffer.from(await readlink(path));
  else if (file.size <= 1 << 20) yield await readFile(path);
  else yield* createReadStream(path, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>;
}
