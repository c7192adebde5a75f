import { spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import type { TreeContent, TreeFile, TreeListing } from "./git-tree.ts";
import { type GitContext, runGit } from "./run-git.ts";
import { comparePaths, splitRecords } from "./tree-path.ts";

interface Blob extends TreeFile {
  readonly object: string;
}

/** Lists the files of a commit below the context's directory; their contents are what git stores, without filters. */
export async function readCommitFiles(context: GitContext, commit: string): Promise<TreeListing> {
  const output = await runGit(context, ["ls-tree", "-r", "-z", "--long", commit]);
  const entries = splitRecords(output).map(parseEntry);
  const blobs = entries.filter((entry) => "object" in entry).toSorted(comparePaths);
  const objects = new Map(blobs.map((blob) => [blob.path, blob.object]));
  return {
    files: blobs,
    submodules: entries.filter((entry) => !("object" in entry)).map(({ path }) => path),
    contents: (files) => readObjects(context, files, objects),
  };
}

// Without trees, which -r opens, an entry is a blob or the commit of a submodule.
function parseEntry(record: string): Blob | { readonly path: string } {
  const match = /^(\d{6}) (\w+) ([0-9a-f]+) +(\d+|-)\t(.+)$/s.exec(record);
  if (!match) throw new Error(`git ls-tree printed ${JSON.stringify(record)}.`);
  const [, mode = "", type, object = "", size, path = ""] = match;
  if (type !== "blob") return { path };
  const kind = mode === "120000" ? "symlink" : mode === "100755" ? "executable" : "file";
  return { path, kind, size: Number(size), object };
}

/** One `git cat-file --batch` gives all contents: a process for each file would take minutes. */
async function* readObjects(
  context: GitContext,
  files: readonly TreeFile[],
  objects: ReadonlyMap<string, string>,
): AsyncGenerator<TreeContent> {
  const child = spawn("git", ["cat-file", "--batch", "--buffer"], {
    cwd: context.directory,
    env: { ...context.env, LC_ALL: "C" },
    stdio: ["pipe", "pipe", "ignore"],
    ...(context.signal ? { signal: context.signal } : {}),
  });
  const ended = once(child, "close");
  ended.catch(() => {});
  child.stdin.on("error", () => {});
  child.stdin.end(files.map(({ path }) => `${objects.get(path)}\n`).join(""));
  try {
    const reader = createReader(child.stdout);
    for (const file of files) {
      const header = await reader.line();
      if (header !== `${objects.get(file.path)} blob ${file.size}`)
        throw new Error(`git cat-file gave ${JSON.stringify(header)} for ${file.path}.`);
      yield { file, bytes: reader.bytes(file.size) };
      await reader.line();
    }
  } finally {
    child.kill();
    await ended.catch(() => {});
  }
  context.signal?.throwIfAborted();
}

function createReader(stream: Readable) {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  let rest: Buffer = Buffer.alloc(0);
  const more = async (): Promise<Buffer> => {
    const next = await chunks.next();
    if (next.done) throw new Error("git cat-file ended early.");
    return next.value;
  };
  return {
    async line(): Promise<string> {
      let end = rest.indexOf(10);
      for (; end < 0; end = rest.indexOf(10)) rest = Buffer.concat([rest, await more()]);
      const text = rest.toString("utf8", 0, end);
      rest = rest.subarray(end + 1);
      return text;
    },
    async *bytes(count: number): AsyncGenerator<Uint8Array> {
      for (let left = count; left > 0; ) {
        if (rest.length === 0) rest = await more();
        const part = rest.subarray(0, left);
        rest = rest.subarray(part.length);
        left -= part.length;
        yield part;
      }
    },
  };
}
