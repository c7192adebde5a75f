import { delimiter } from "node:path";
import { DomainError } from "../../lib/error.ts";
import { type Exec, findProgram } from "../../lib/exec.ts";
import type { Log } from "../../lib/log.ts";

/** A program that the demo needs, and the Debian packages that bring it. */
interface Need {
  readonly program: string;
  readonly packages: readonly string[];
}

/** What the demo needs of this machine. */
export interface PackageOptions {
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Whether podman has to run the test. */
  readonly engine: boolean;
  /** Whether a parent image has to be made of Debian's packages. */
  readonly debootstrap: boolean;
}

/**
 * Installs what is missing by apt-get, as root or by sudo. Throws DomainError `packages-missing` with the one command where it may not.
 * Gives the names of the packages that were installed.
 */
export async function ensurePackages(options: PackageOptions): Promise<readonly string[]> {
  const { exec } = options;
  // debootstrap lies in /usr/sbin, which is not on every user's PATH.
  options.env.PATH = [options.env.PATH, "/usr/sbin", "/sbin"].join(delimiter);
  const wanted = await needs(options);
  const found = await Promise.all(wanted.map(({ program }) => findIn(options, program)));
  const packages = [...new Set(wanted.flatMap((need, at) => (found[at] ? [] : need.packages)))];
  if (packages.length === 0) return [];

  const install = [
    "apt-get",
    "install",
    "--yes",
    "--no-install-recommends",
    "-o",
    "DPkg::Lock::Timeout=300",
    ...packages,
  ];
  const prefix = await rootPrefix(exec);
  if (prefix === undefined || !(await findProgram(exec, "apt-get"))) {
    throw new DomainError("packages-missing", `Not installed here: ${packages.join(", ")}.`, {
      hint: `Run this once, then the demo again: sudo apt-get update && sudo ${install.join(" ")}`,
    });
  }
  for (const command of [["apt-get", "update"], install]) {
    options.log.info(command.join(" "));
    await runAsRoot(options, prefix, command);
  }
  return packages;
}

/** Words before a command that has to run as root: none for root, sudo without a password for others; undefined when neither. */
async function rootPrefix(exec: Exec): Promise<readonly string[] | undefined> {
  if (process.getuid?.() === 0) return [];
  const { exitCode } = await exec("sudo", ["-n", "true"], { ignoreExitCode: true }).catch(() => ({ exitCode: 1 }));
  return exitCode === 0 ? ["sudo", "-n"] : undefined;
}

async function needs(options: PackageOptions): Promise<readonly Need[]> {
  const docker = await works(options, "docker", ["version"]);
  const buildx = docker && (await works(options, "docker", ["buildx", "version"]));
  return [
    { program: "git", packages: ["git"] },
    ...(buildx ? [] : [{ program: "buildah", packages: ["buildah", "runc"] }]),
    ...(options.engine && !docker
      ? [
          // netavark gives containers a network of their own by iptables, and names it as a suggestion only.
          { program: "podman", packages: ["podman", "netavark", "iptables"] },
          { program: "runc", packages: ["runc"] },
        ]
      : []),
    ...(options.debootstrap ? [{ program: "debootstrap", packages: ["debootstrap"] }] : []),
  ];
}

async function findIn({ exec, env }: PackageOptions, program: string): Promise<boolean> {
  const { exitCode } = await exec("/bin/sh", ["-c", 'command -v -- "$1"', "sh", program], {
    env,
    ignoreExitCode: true,
  });
  return exitCode === 0;
}

async function works({ exec, env }: PackageOptions, program: string, args: readonly string[]): Promise<boolean> {
  const { exitCode } = await exec(program, args, { env, ignoreExitCode: true }).catch(() => ({ exitCode: 127 }));
  return exitCode === 0;
}

async function runAsRoot(
  options: PackageOptions,
  prefix: readonly string[],
  command: readonly string[],
): Promise<void> {
  const [program = "", ...args] = [...prefix, "env", "DEBIAN_FRONTEND=noninteractive", ...command];
  const { exec, env, signal, log } = options;
  await exec(program, args, { env, signal, onStdout: (line) => log.info(line) });
}
