import { DomainError } from "../error.ts";
import type { GitTree } from "./git-tree.ts";
import { type GitContext, runGit, tryGit } from "./run-git.ts";
import { readCommitFiles } from "./tree-commit.ts";
import { readWorktreeFiles } from "./tree-worktree.ts";

export interface TreeOptions {
  /** Of a worktree only. */
  readonly includeIgnored?: boolean;
}

/**
 * Opens the tree of a commit (any name that git knows), or with `worktree` the files on the disk, uncommitted ones included and
 * ignored ones left out unless they are asked for. Throws DomainError `commit-absent`, `not-a-repository` or `git-missing`.
 */
export async function openTree(context: GitContext, ref: string, options: TreeOptions = {}): Promise<GitTree> {
  const isWorktree = ref === "worktree";
  const { commit, commitTime } = await findCommit(context, isWorktree ? "HEAD" : ref);
  const [listing, status] = await Promise.all([
    isWorktree ? readWorktreeFiles(context, options.includeIgnored) : readCommitFiles(context, commit),
    isWorktree ? runGit(context, ["status", "--porcelain", "--", "."]) : "",
  ]);
  return { revision: status.trim() === "" ? commit : `${commit}-dirty`, commitTime, ...listing };
}

/** The text of one file; undefined when the tree has no regular file of this path. */
export async function readTreeText(tree: GitTree, path: string): Promise<string | undefined> {
  const file = tree.files.find((candidate) => candidate.path === path && candidate.kind !== "symlink");
  if (!file) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const { bytes } of tree.contents([file])) {
    for await (const chunk of bytes) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

async function findCommit(context: GitContext, ref: string): Promise<Pick<GitTree, "commitTime"> & { commit: string }> {
  const args = ["show", "--no-patch", "--format=%H %ct", "--end-of-options", `${ref}^{commit}`];
  const [commit, seconds] = (await tryGit(context, args))?.trim().split(" ") ?? [];
  if (commit && seconds) return { commit, commitTime: new Date(Number(seconds) * 1000) };
  if ((await tryGit(context, ["rev-parse", "--git-dir"])) === undefined) {
    throw new DomainError("not-a-repository", `${context.directory} is in no git repository that this user may read.`, {
      hint: "Check the repository out first (actions/checkout), or set working-directory; git names the rest: run git status there.",
    });
  }
  throw new DomainError("commit-absent", `The repository of ${context.directory} has no commit ${ref}.`, {
    hint: "Fetch it first: actions/checkout brings one commit only unless fetch-depth says more.",
  });
}
