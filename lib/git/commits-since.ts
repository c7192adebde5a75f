import type { Log } from "../log.ts";
import { askRemote } from "./ask-remote.ts";
import type { Repository } from "./repository.ts";
import { type GitContext, runGit, tryGit } from "./run-git.ts";
import type { GitTag } from "./tags.ts";

/**
 * Messages of the commits after a tag up to HEAD, newest first; of the whole history without a tag. A shallow checkout is
 * deepened down to the tag first; where that fails, the commits at hand are used and a warning says so.
 */
export async function listCommitMessages(
  context: GitContext,
  repository: Repository,
  options: { readonly since: GitTag | undefined; readonly log: Log },
): Promise<readonly string[]> {
  const { since, log } = options;
  if (since?.commit === repository.commit) return [];
  if (repository.shallow && !(await deepen(context, repository, since))) {
    log.warning(`The history of ${repository.root} is cut off and could not be fetched; only the commits here count.`);
  }
  const known = since && (await tryGit(context, ["cat-file", "-e", `${since.commit}^{commit}`])) !== undefined;
  const range = known ? [`${since.commit}..HEAD`] : ["HEAD"];
  const output = await runGit(context, ["log", "--format=%B%x00", ...range, "--"]);
  return output
    .split("\0")
    .map((message) => message.trim())
    .filter((message) => message !== "");
}

async function deepen(context: GitContext, repository: Repository, since: GitTag | undefined): Promise<boolean> {
  if (repository.remote === undefined) return false;
  const fetch = ["fetch", "--quiet", "--no-recurse-submodules", "--no-tags"];
  if (since) {
    const exclude = [...fetch, `--shallow-exclude=refs/tags/${since.name}`, repository.remote, repository.commit];
    if ((await askRemote(context, exclude)) !== undefined) return true;
  }
  return (await askRemote(context, [...fetch, "--unshallow", repository.remote])) !== undefined;
}
