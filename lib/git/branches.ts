import { deadline } from "../abort.ts";
import { DomainError } from "../error.ts";
import { askRemote } from "./ask-remote.ts";
import type { GitContext } from "./run-git.ts";

/** Names of the branches of a remote (its name or URL). Throws DomainError `remote-unanswered`, also when it has no branch at all. */
export async function listRemoteBranches(context: GitContext, remote: string): Promise<readonly string[]> {
  using limit = deadline(`git ls-remote ${remote}`, 60_000, context.signal);
  const listing = await askRemote({ ...context, signal: limit.signal }, ["ls-remote", "--heads", "--", remote]);
  const names = [...(listing ?? "").matchAll(/^[0-9a-f]+\trefs\/heads\/(.+)$/gm)].map(([, name = ""]) => name);
  if (names.length > 0) return names;
  const observed = listing === undefined ? "it could not be asked" : "it has none";
  throw new DomainError("remote-unanswered", `The branches of the remote ${remote} are not known: ${observed}.`, {
    hint: "Run this in a checkout whose remote can be reached, or name another one by the input remote.",
  });
}
