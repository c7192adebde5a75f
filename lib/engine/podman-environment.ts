import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../error.ts";
import { type Exec, findProgram } from "../exec.ts";
import type { Log } from "../log.ts";
import { applyRemedy, type PodmanSettings, podmanDefaults, toContainersConf } from "./podman-remedy.ts";

export interface PodmanEnvironmentOptions {
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  /** Where the configuration is written, when one is needed: it must live as long as the environment is used. */
  readonly tempDirectory: string;
  readonly log: Log;
  readonly signal?: AbortSignal;
}

/**
 * An environment in which podman can start containers on this machine. A small container is started from the machine's own /usr; as long
 * as that fails, the fault that podman names is worked around by a CONTAINERS_CONF of our own, which one line of the log tells. Throws
 * DomainError `engine-failed` when podman names a fault that has no way around.
 */
export async function podmanEnvironment(options: PodmanEnvironmentOptions): Promise<NodeJS.ProcessEnv> {
  // Off Linux podman works in a machine of its own, which its makers configured.
  if (process.platform !== "linux") return options.env;
  const hasRunc = (await findProgram(options.exec, "runc")) !== undefined;
  const limits = await readLimits();
  let settings = podmanDefaults;
  for (;;) {
    const env = await writeEnvironment(settings, options);
    const fault = await podmanFault({ ...options, env });
    if (fault === undefined) {
      if (settings.said.length > 0) options.log.info(`podman on this machine: ${settings.said.join("; ")}.`);
      return env;
    }
    options.log.debug(`podman probe: ${fault}`);
    const next = applyRemedy(settings, fault, { hasRunc, limits });
    if (next === undefined) {
      throw new DomainError("engine-failed", `podman cannot start a container on this machine: ${fault}`, {
        hint: "Try `podman run --rm --rootfs` with a small root file system, or set engine to kubernetes or docker.",
      });
    }
    settings = next;
  }
}

/** What podman says when it cannot start a container with these arguments; undefined when it can. */
export async function podmanFault(
  { exec, env, tempDirectory, signal }: Omit<PodmanEnvironmentOptions, "log">,
  runArguments: readonly string[] = [],
): Promise<string | undefined> {
  const program = ["/usr/bin/true", "/bin/true"].find(existsSync);
  if (program === undefined) return undefined;
  const root = await mkdtemp(join(tempDirectory, "podman-probe-"));
  const mounts = ["/usr", "/lib", "/lib64", "/bin"]
    .filter(existsSync)
    .flatMap((path) => ["--volume", `${path}:${path}:ro`]);
  const args = [
    "run",
    "--rm",
    "--security-opt",
    "label=disable",
    ...mounts,
    ...runArguments,
    "--rootfs",
    root,
    program,
  ];
  try {
    const { exitCode, stderr } = await exec("podman", args, {
      env,
      ignoreExitCode: true,
      ...(signal ? { signal } : {}),
    });
    return exitCode === 0 ? undefined : lastLines(stderr) || `exit code ${exitCode}`;
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function writeEnvironment(
  settings: PodmanSettings,
  { env, tempDirectory }: PodmanEnvironmentOptions,
): Promise<NodeJS.ProcessEnv> {
  if (settings.said.length === 0) return env;
  const path = join(tempDirectory, "containers.conf");
  await writeFile(path, toContainersConf(settings), { mode: 0o600 });
  return {
    ...env,
    CONTAINERS_CONF: path,
    ...(settings.storageDriver ? { STORAGE_DRIVER: settings.storageDriver } : {}),
  };
}

/**
 * What a container can be given where limits cannot be raised, as `name=soft:hard`: the hard limits of this process, and no more
 * processes than there are process ids, to which podman lowers itself.
 */
async function readLimits(): Promise<string[]> {
  const [text, pidMax] = await Promise.all(
    ["/proc/self/limits", "/proc/sys/kernel/pid_max"].map((path) => readFile(path, "utf8").catch(() => "")),
  );
  const hardLimit = (title: string) =>
    Number(new RegExp(`^${title}\\s+\\S+\\s+(\\d+)`, "m").exec(text ?? "")?.[1] ?? Number.NaN);
  const limits = { nofile: hardLimit("Max open files"), nproc: Math.min(hardLimit("Max processes"), Number(pidMax)) };
  return Object.entries(limits).flatMap(([name, limit]) => (limit > 0 ? [`${name}=${limit}:${limit}`] : []));
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-2).join(" ").slice(-500);
}
