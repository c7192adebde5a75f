import type { Exec } from "../../lib/exec.ts";

/** First line that a program prints about its version; undefined when it is not there, fails, or does not end in time. */
export async function versionOf(exec: Exec, program: string, args: readonly string[]): Promise<string | undefined> {
  try {
    const { stdout, stderr, exitCode } = await exec(program, args, { ignoreExitCode: true });
    if (exitCode !== 0) return undefined;
    return (stdout || stderr).trim().split("\n", 1)[0];
  } catch {
    return undefined;
  }
}
