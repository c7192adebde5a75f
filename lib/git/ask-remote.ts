import { type GitContext, tryGit } from "./run-git.ts";

/**
 * Runs a git command that asks a remote; undefined when it fails. It goes as the checkout is set up first. Only where that fails it
 * logs in at the forge with the context's token, for a checkout without kept credentials of a private repository.
 */
export async function askRemote(context: GitContext, args: readonly string[]): Promise<string | undefined> {
  const answer = await tryGit(context, args);
  const server = context.env.GITHUB_SERVER_URL;
  if (answer !== undefined || context.token === undefined || !server) return answer;
  return tryGit({ ...context, env: withToken(context.env, server, context.token) }, args);
}

/** By the environment, for an argument list can be read by every process of the machine; and for this server only. */
function withToken(env: NodeJS.ProcessEnv, server: string, token: string): NodeJS.ProcessEnv {
  const index = Number(env.GIT_CONFIG_COUNT) || 0;
  const login = Buffer.from(`x-access-token:${token}`).toString("base64");
  return {
    ...env,
    GIT_CONFIG_COUNT: String(index + 1),
    [`GIT_CONFIG_KEY_${index}`]: `http.${server.replace(/\/+$/, "")}/.extraheader`,
    [`GIT_CONFIG_VALUE_${index}`]: `AUTHORIZATION: basic ${login}`,
  };
}
