import { DomainError } from "../error.ts";
import { CommandError, type Exec, type ExecResult } from "../exec.ts";

/** Where git runs and with whose environment. */
export interface GitContext {
  readonly exec: Exec;
  readonly directory: string;
  readonly env: NodeJS.ProcessEnv;
  /** For a remote on the server that GITHUB_SERVER_URL names, where the checkout itself cannot log in. */
  readonly token?: string;
  readonly signal?: AbortSignal;
}

/**
 * Runs git without prompts and in the C locale, and gives its standard output. Throws CommandError for a non-zero exit code and
 * DomainError `git-missing` where there is no git.
 */
export async function runGit(context: GitContext, args: readonly string[]): Promise<string> {
  return (await start(context, args, false)).stdout;
}

/** As runGit, but undefined for a non-zero exit code: for questions whose answer may be no. */
export async function tryGit(context: GitContext, args: readonly string[]): Promise<string | undefined> {
  const { stdout, exitCode } = await start(context, args, true);
  return exitCode === 0 ? stdout : undefined;
}

async function start(context: GitContext, args: readonly string[], ignoreExitCode: boolean): Promise<ExecResult> {
  try {
    return await context.exec("git", args, {
      cwd: context.directory,
      env: { ...context.env, GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
      ignoreExitCode,
      ...(context.signal && { signal: context.signal }),
    });
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== 127) throw error;
    throw new DomainError("git-missing", `git could not be started in ${context.directory}.`, {
      hint: "Install git, and check that the directory exists.",
      cause: error,
    });
  }
}
