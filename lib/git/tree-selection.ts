import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import type { GitTree, TreeFile } from "./git-tree.ts";
import { readTreeText } from "./tree.ts";

export interface TreeSelectionOptions {
  /** Makes a matcher of .dockerignore's patterns. */
  readonly createMatcher: (patterns: readonly string[]) => (path: string) => boolean;
  readonly log: Log;
}

// https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md: a pointer begins so and is smaller than 1024 bytes.
const lfsPointer = "version https://git-lfs.github.com/spec/v1\n";

/**
 * The files of a tree that belong into an image: .dockerignore is respected; submodules and LFS pointers, whose content is elsewhere, are
 * named in a warning. Throws DomainError `tree-empty`.
 */
export async function selectTreeFiles(
  tree: GitTree,
  { createMatcher, log }: TreeSelectionOptions,
): Promise<readonly TreeFile[]> {
  const patterns = await readTreeText(tree, ".dockerignore");
  const isIgnored = createMatcher((patterns ?? "").split(/\r?\n/));
  const files = tree.files.filter(({ path }) => !isIgnored(path));
  if (files.length === 0) {
    throw new DomainError(
      "tree-empty",
      `No file of ${tree.revision} is left for the image, of ${tree.files.length} in its tree.`,
      {
        hint:
          tree.files.length > 0
            ? "Let .dockerignore leave some out."
            : "Commit the sources, or check working-directory.",
      },
    );
  }
  const submodules = tree.submodules.filter((path) => !isIgnored(path));
  if (submodules.length > 0) log.warning(`Not in the image, because they are submodules: ${submodules.join(", ")}.`);
  const pointers = await findPointers(tree, files);
  if (pointers.length > 0)
    log.warning(`In the image as Git LFS pointers, without their content: ${pointers.join(", ")}.`);
  return files;
}

async function findPointers(tree: GitTree, files: readonly TreeFile[]): Promise<readonly string[]> {
  const attributes = files.filter(({ path }) => path.split("/").at(-1) === ".gitattributes");
  const texts = await Promise.all(attributes.map(({ path }) => readTreeText(tree, path)));
  // Only trees that use LFS are read for it.
  if (!texts.some((text) => text?.includes("filter=lfs"))) return [];
  const candidates = files.filter(({ kind, size }) => kind !== "symlink" && size > lfsPointer.length && size < 1024);
  const pointers: string[] = [];
  for await (const { file, bytes } of tree.contents(candidates)) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of bytes) chunks.push(chunk);
    if (Buffer.concat(chunks).toString("latin1").startsWith(lfsPointer)) pointers.push(file.path);
  }
  return pointers;
}
