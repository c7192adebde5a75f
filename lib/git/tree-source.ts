import { parseRemoteUrl } from "./remote-url.ts";
import { type GitContext, tryGit } from "./run-git.ts";

/** The OCI label that says where a tree comes from: GitHub's own words under Actions, else the remote origin without credentials; empty without either. */
export async function describeSource(context: GitContext): Promise<Readonly<Record<string, string>>> {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = context.env;
  const origin = server && repository ? `${server}/${repository}` : await originUrl(context);
  return origin === undefined ? {} : { "org.opencontainers.image.source": origin };
}

async function originUrl(context: GitContext): Promise<string | undefined> {
  const remote = await tryGit(context, ["remote", "get-url", "origin"]);
  return remote === undefined ? undefined : parseRemoteUrl(remote)?.url;
}
