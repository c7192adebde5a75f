import { DomainError } from "../error.ts";
import { readEventRef } from "./event-ref.ts";
import { parseRemoteUrl, type RemoteUrl } from "./remote-url.ts";
import { type GitContext, runGit, tryGit } from "./run-git.ts";

/** A checkout as it stands: on a branch or detached, full or shallow, main or linked worktree, with or without a remote. */
export interface Repository {
  /** Absolute path of the worktree's top folder. */
  readonly root: string;
  readonly commit: string;
  readonly commitTime: Date;
  /** Never empty: the checked out branch, else the event's branch or tag, else the only branch here, else `detached-` and 12 hex. */
  readonly branch: string;
  /** The tag that the event is about; undefined when it is about a branch. */
  readonly eventTag: string | undefined;
  /** Whether tracked files were changed or untracked ones are there that git does not ignore. */
  readonly dirty: boolean;
  /** Whether history was cut off, as actions/checkout does by default. */
  readonly shallow: boolean;
  /** Name of the remote that is asked: `origin`, else the first one. */
  readonly remote: string | undefined;
  /** Undefined without a remote, and for one that is a local path. */
  readonly remoteUrl: RemoteUrl | undefined;
}

/**
 * Looks at the checkout that holds the directory. Throws DomainError `not-a-repository`, `repository-not-trusted`, `no-commit`
 * or `git-missing`.
 */
export async function openRepository(context: GitContext): Promise<Repository> {
  const root = await findRoot(context);
  const commit = await tryGit(context, ["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]);
  if (commit === undefined) {
    throw new DomainError("no-commit", `The repository ${root} has no commit yet.`, {
      hint: "Commit something first.",
    });
  }
  const [seconds, shallow, status, remote, branch] = [
    await runGit(context, ["show", "--no-patch", "--format=%ct", "HEAD"]),
    await runGit(context, ["rev-parse", "--is-shallow-repository"]),
    await runGit(context, ["status", "--porcelain"]),
    await findRemote(context),
    await findBranch(context, commit.trim()),
  ];
  return {
    root,
    commit: commit.trim(),
    commitTime: new Date(Number(seconds.trim()) * 1000),
    branch,
    eventTag: readEventRef(context.env).tag,
    dirty: status.trim() !== "",
    shallow: shallow.trim() === "true",
    remote: remote?.name,
    remoteUrl: remote && parseRemoteUrl(remote.url),
  };
}

async function findRoot(context: GitContext): Promise<string> {
  try {
    return (await runGit(context, ["rev-parse", "--show-toplevel"])).replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof DomainError) throw error;
    if (error instanceof Error && error.message.includes("dubious ownership")) {
      throw new DomainError("repository-not-trusted", `git refuses ${context.directory}: another user owns it.`, {
        hint: `Run: git config --global --add safe.directory ${context.directory}`,
        cause: error,
      });
    }
    throw new DomainError("not-a-repository", `${context.directory} is not inside a git worktree.`, {
      hint: "Check the repository out first (actions/checkout), or set working-directory.",
      cause: error,
    });
  }
}

async function findBranch(context: GitContext, commit: string): Promise<string> {
  const attached = (await tryGit(context, ["symbolic-ref", "--quiet", "--short", "HEAD"]))?.trim();
  if (attached) return attached;
  const event = readEventRef(context.env);
  const named = event.branch ?? event.tag;
  if (named) return named;
  const format = "--format=%(refname)";
  const refs = await runGit(context, ["for-each-ref", "--points-at", "HEAD", format, "refs/heads", "refs/remotes"]);
  const names = refs
    .split("\n")
    .map((ref) => ref.replace(/^refs\/(heads|remotes\/[^/]+)\//, ""))
    .filter((name) => name !== "" && name !== "HEAD");
  const [only, ...others] = new Set(names);
  return only && others.length === 0 ? only : `detached-${commit.slice(0, 12)}`;
}

async function findRemote(context: GitContext): Promise<{ name: string; url: string } | undefined> {
  const names = (await runGit(context, ["remote"])).split("\n").filter((name) => name !== "");
  const name = names.find((candidate) => candidate === "origin") ?? names[0];
  if (name === undefined) return undefined;
  const url = await tryGit(context, ["remote", "get-url", name]);
  return url === undefined ? undefined : { name, url: url.trim() };
}
