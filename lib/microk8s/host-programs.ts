import { DomainError } from "../error.ts";
import type { Exec, ExecResult } from "../exec.ts";
import type { Log } from "../log.ts";

/** How this machine is changed: its programs, its environment, and who says stop. */
export interface HostPrograms {
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Makes the programs of snaps findable: a shell that was open before the first snap lacks their folder. */
export function withSnapPath(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, PATH: `${env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin"}:/snap/bin` };
}

/** Runs a program as root and shows its lines. Throws DomainError `root-needed` when this user is not root and has no sudo. */
export async function runAsRoot(host: HostPrograms, command: string, args: readonly string[]): Promise<ExecResult> {
  const [program = command, ...rest] = [...(await rootPrefix(host)), command, ...args];
  const onLine = (line: string) => host.log.info(line);
  return host.exec(program, rest, { env: host.env, signal: host.signal, onStdout: onLine, onStderr: onLine });
}

/** As runAsRoot, but silent: for questions, and for answers that are secrets. */
export async function askAsRoot(host: HostPrograms, command: string, args: readonly string[]): Promise<ExecResult> {
  const [program = command, ...rest] = [...(await rootPrefix(host)), command, ...args];
  return host.exec(program, rest, { env: host.env, signal: host.signal });
}

async function rootPrefix({ exec, env, signal }: HostPrograms): Promise<readonly string[]> {
  if (process.getuid?.() === 0) return [];
  const sudo = await exec("sudo", ["-n", "true"], { env, signal, ignoreExitCode: true }).catch(() => undefined);
  // `--preserve-env=PATH` would be refused by sudo's defaults: snaps are found by sudo's own secure_path.
  if (sudo?.exitCode === 0) return ["sudo", "-n"];
  throw new DomainError("root-needed", "This needs root, and sudo asks for a password or is not installed.", {
    hint: "Run the runner as root, or allow its user in /etc/sudoers: USER ALL=(root) NOPASSWD: /usr/bin/snap, /snap/bin/microk8s",
  });
}
