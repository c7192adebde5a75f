import { InputError } from "../error.ts";
import { readEventRef } from "../git/event-ref.ts";
import { type GitContext, tryGit } from "../git/run-git.ts";
import { parseVersion } from "../version/semantic-version.ts";

/** Which tag a release is for and which commit it pins. */
export interface ReleaseTarget {
  readonly tag: string;
  readonly commit: string;
  /** Whether the run was started by this very tag, so that the tag is at the commit for sure. */
  readonly tagIsTarget: boolean;
}

/**
 * Finds tag and commit: the inputs, else the tag that started the run and the checked out commit, else the run's. A branch is never
 * pinned, for it may have moved since the test. Throws InputError `tag-name` or `target-commitish`.
 */
export async function findReleaseTarget(
  context: GitContext,
  wanted: { readonly tagName: string | undefined; readonly targetCommitish: string | undefined },
): Promise<ReleaseTarget> {
  const eventTag = readEventRef(context.env).tag;
  const tag = wanted.tagName ?? eventTag;
  if (tag === undefined) throw new InputError("tag-name", "", "a tag; the run was not started by one");
  const commit = await findCommit(context, wanted.targetCommitish);
  return { tag, commit, tagIsTarget: tag === eventTag && commit === context.env.GITHUB_SHA };
}

/** Whether the version in a tag, after a folder or `v`, is a pre-release; a tag without a version is none. */
export function isPrereleaseTag(tag: string): boolean {
  const version = parseVersion(tag.replace(/^.*\//, ""));
  return version !== undefined && version.prerelease !== "";
}

async function findCommit(context: GitContext, wanted: string | undefined): Promise<string> {
  if (wanted !== undefined && /^[0-9a-f]{40}$/.test(wanted)) return wanted;
  const revision = `${wanted ?? "HEAD"}^{commit}`;
  const resolved = (await tryGit(context, ["rev-parse", "--verify", "--quiet", "--end-of-options", revision]))?.trim();
  const commit = resolved ?? (wanted === undefined ? context.env.GITHUB_SHA : undefined);
  if (commit) return commit;
  throw new InputError("target-commitish", wanted ?? "", "a full commit id, or a name that the checkout knows");
}
