import { access } from "node:fs/promises";
import { DomainError } from "../error.ts";
import { CommandError, type Exec } from "../exec.ts";
import { type BuildahStore, removeWorkingContainers } from "./buildah-store.ts";

/** How buildah works on this machine. */
export interface BuildahSetup {
  readonly globalFlags: readonly string[];
  readonly isolation: "oci" | "rootless" | "chroot";
  /** For the log: the choice, and why a better one was not taken. */
  readonly description: string;
}

export interface ProbeOptions {
  readonly store: BuildahStore;
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

type Driver = "overlay" | "vfs";

/**
 * Finds out by one tiny container which storage driver and which isolation work here: a container runtime may be missing or refuse the
 * machine's cgroups, and overlay may not be mountable. STORAGE_DRIVER and BUILDAH_ISOLATION narrow the choice.
 * Throws DomainError `buildah-unusable`.
 */
export async function probeBuildah(options: ProbeOptions): Promise<BuildahSetup> {
  const refused: string[] = [];
  for (const driver of driversToTry(options.env)) {
    const globalFlags = options.store.globalFlags(driver);
    const started = await startContainer(options, globalFlags);
    if ("refusal" in started) {
      refused.push(`storage ${driver}: ${started.refusal}`);
      continue;
    }
    const isolation = await firstIsolation(options, globalFlags, started.container, refused);
    await removeWorkingContainers(options.exec, globalFlags);
    if (isolation === undefined) continue;
    const why = refused.length > 0 ? ` (${refused.join("; ")})` : "";
    return { globalFlags, isolation, description: `storage ${driver}, isolation ${isolation}${why}` };
  }
  throw new DomainError("buildah-unusable", `buildah cannot start a container here: ${refused.join("; ")}.`, {
    hint: "Run as root, or give this user ranges in /etc/subuid and /etc/subgid and install fuse-overlayfs; or use a BuildKit daemon (BUILDKIT_HOST).",
  });
}

function driversToTry(env: NodeJS.ProcessEnv): readonly Driver[] {
  const wanted = (["overlay", "vfs"] as const).filter((driver) => driver === env.STORAGE_DRIVER);
  return wanted.length > 0 ? wanted : ["overlay", "vfs"];
}

function isolationsToTry(env: NodeJS.ProcessEnv): readonly BuildahSetup["isolation"][] {
  const wanted = (["oci", "rootless", "chroot"] as const).filter((isolation) => isolation === env.BUILDAH_ISOLATION);
  if (wanted.length > 0) return wanted;
  return process.getuid?.() === 0 ? ["oci", "chroot"] : ["rootless", "chroot"];
}

async function startContainer(
  { exec, signal }: ProbeOptions,
  globalFlags: readonly string[],
): Promise<{ container: string } | { refusal: string }> {
  // What an earlier build that was killed left: the store is locked, so nobody uses it.
  await removeWorkingContainers(exec, globalFlags);
  try {
    const { stdout } = await exec("buildah", [...globalFlags, "from", "scratch"], { signal });
    return { container: stdout.trim() };
  } catch (error) {
    return { refusal: refusalOf(error) };
  }
}

async function firstIsolation(
  { exec, env, signal }: ProbeOptions,
  globalFlags: readonly string[],
  container: string,
  refused: string[],
): Promise<BuildahSetup["isolation"] | undefined> {
  const mounts = await hostPrograms();
  for (const isolation of isolationsToTry(env)) {
    const run = ["run", "--isolation", isolation, "--network", "host", ...mounts, container, "/bin/true"];
    try {
      await exec("buildah", [...globalFlags, ...run], { signal });
      return isolation;
    } catch (error) {
      refused.push(`isolation ${isolation}: ${refusalOf(error)}`);
    }
  }
  return undefined;
}

/** An empty container borrows the host's /bin/true and its libraries: so the probe needs no image. */
async function hostPrograms(): Promise<readonly string[]> {
  const flags: string[] = [];
  for (const folder of ["/bin", "/lib", "/lib64", "/usr", "/nix"]) {
    const exists = await access(folder).then(
      () => true,
      () => false,
    );
    if (exists) flags.push("--volume", `${folder}:${folder}:ro`);
  }
  return flags;
}

function refusalOf(error: unknown): string {
  if (!(error instanceof CommandError)) throw error;
  const lines = error.stderr.trim().split("\n");
  // A runtime says what it lacks first; what follows only says that it failed.
  const telling = lines.find((line) => /crun|runc|not permitted|denied|not supported/.test(line)) ?? lines.at(-1) ?? "";
  return telling.replace(/^(Error: |time=.* msg=)/, "").slice(0, 200) || `exit code ${error.exitCode}`;
}
