/** A file of a tree; its content is read through the tree. */
export interface TreeFile {
  /** Relative to the directory that was opened, with `/`. */
  readonly path: string;
  readonly kind: "file" | "executable" | "symlink";
  /** In bytes; of a symlink, that of its target's text. */
  readonly size: number;
}

/** A file and its bytes, which are to be read before the next file is asked for. A symlink's bytes are its target. */
export interface TreeContent {
  readonly file: TreeFile;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** The files below one directory of a repository, as they are in a commit or on the disk. */
export interface GitTree {
  /** The commit; with `-dirty` where the files on the disk differ from it. */
  readonly revision: string;
  readonly commitTime: Date;
  /** Sorted by the bytes of their paths. */
  readonly files: readonly TreeFile[];
  /** Paths whose content lies in another repository, and is not part of the tree. */
  readonly submodules: readonly string[];
  /** Reads the given files of this tree in the given order. */
  contents(files: readonly TreeFile[]): AsyncIterable<TreeContent>;
}

/** What the two kinds of trees have in common. */
export type TreeListing = Pick<GitTree, "files" | "submodules" | "contents">;
