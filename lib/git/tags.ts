import { deadline } from "../abort.ts";
import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import { askRemote } from "./ask-remote.ts";
import type { Repository } from "./repository.ts";
import { type GitContext, runGit } from "./run-git.ts";

/** A tag and the commit it stands for, also where it is an annotated tag. */
export interface GitTag {
  readonly name: string;
  readonly commit: string;
}

/**
 * Lists the tags of the checkout and of its remote, which a shallow checkout does not know. Nothing is fetched into the
 * checkout. A remote that cannot be asked is a warning: then only the tags here count.
 */
export async function listTags(context: GitContext, repository: Repository, log: Log): Promise<readonly GitTag[]> {
  const tags = new Map<string, string>();
  if (repository.remote !== undefined) {
    const listing = await listRemote(context, repository.remote);
    if (listing === undefined) {
      log.warning(
        `Remote ${repository.remote} could not be asked for its tags; only the tags in ${repository.root} count.`,
      );
    }
    for (const tag of parseRemoteTags(listing ?? "")) tags.set(tag.name, tag.commit);
  }
  for (const tag of await listLocalTags(context)) tags.set(tag.name, tag.commit);
  return [...tags].map(([name, commit]) => ({ name, commit }));
}

async function listRemote(context: GitContext, remote: string): Promise<string | undefined> {
  using limit = deadline(`git ls-remote ${remote}`, 60_000, context.signal);
  try {
    return await askRemote({ ...context, signal: limit.signal }, ["ls-remote", "--tags", remote]);
  } catch (error) {
    if (error instanceof DomainError && error.code === "deadline-exceeded") return undefined;
    throw error;
  }
}

async function listLocalTags(context: GitContext): Promise<readonly GitTag[]> {
  const format = "--format=%(refname:strip=2) %(objectname) %(*objectname)";
  const lines = (await runGit(context, ["for-each-ref", format, "refs/tags"])).split("\n");
  return lines.flatMap((line) => {
    const [name, object, peeled] = line.split(" ");
    return name && object ? [{ name, commit: peeled || object }] : [];
  });
}

// An annotated tag has a second line, NAME^{}, with the commit; it comes after the first and wins.
function parseRemoteTags(listing: string): readonly GitTag[] {
  return listing.split("\n").flatMap((line) => {
    const [commit, ref] = line.split("\t");
    const name = ref?.replace(/^refs\/tags\//, "").replace(/\^\{\}$/, "");
    return commit && name ? [{ name, commit }] : [];
  });
}
