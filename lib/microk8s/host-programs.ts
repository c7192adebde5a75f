import type { Readable } from "node:stream";
import { DomainError } from "../error.ts";
import type { Exec, ExecOptions, ExecResult } from "../exec.ts";
import type { Log } from "../log.ts";

/** How this machine is changed: its programs, its environment, and who says stop. */
export interface HostPrograms {
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Folder that stands for `/` of the machine that is set up. */
  readonly root: string;
}

/** Makes the programs of snaps findable: a shell that was open before the first snap lacks their folder. */
export function withSnapPath(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, PATH: `${env.PATH ?? "/usr/sbin:/usr/bin:/sbin:/bin"}:/snap/bin` };
}

/** Runs a program as root and shows its lines. Throws DomainError `root-needed` when this user is not root and has no sudo. */
export async function runAsRoot(
  host: HostPrograms,
  command: string,
  args: readonly string[],
  stdin?: Readable,
): Promise<ExecResult> {
  const onLine = (line: string) => host.log.info(line);
  return call(host, [command, ...args], { onStdout: onLine, onStderr: onLine, ...(stdin && { stdin }) });
}

/** As runAsRoot, but silent: for questions, and for answers that are secrets. */
export async function askAsRoot(
  host: HostPrograms,
  command: string,
  args: readonly string[],
  stdin?: string,
): Promise<ExecResult> {
  return call(host, [command, ...args], stdin === undefined ? {} : { stdin });
}

async function call(host: HostPrograms, words: readonly string[], options: ExecOptions): Promise<ExecResult> {
  const [program = "", ...rest] = [...(await rootPrefix(host)), ...words];
  return host.exec(program, rest, { env: host.env, signal: host.signal, ...options });
}

async function rootPrefix({ exec, env, signal }: HostPrograms): Promise<readonly string[]> {
  if (process.getuid?.() === 0) return [];
  const sudo = await exec("sudo", ["-n", "true"], { env, signal, ignoreExitCode: true }).catch(() => undefined);
  // `--preserve-env=PATH` would be refused by sudo's defaults: snaps are found by sudo's own secure_path.
  if (sudo?.exitCode === 0) return ["sudo", "-n"];
  throw new DomainError("root-needed", "This needs root, and sudo asks for a password or is not installed.", {
    hint: "Run the runner as root, or allow its user in /etc/sudoers: USER ALL=(root) NOPASSWD: ALL",
  });
}
