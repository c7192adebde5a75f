import { createHash } from "node:crypto";
import { mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Exec } from "../exec.ts";
import { cacheDirectory } from "./cache-directory.ts";

/** Storage of buildah that only gpu-ci uses, one for each repository, locked while a build uses it. */
export interface BuildahStore extends AsyncDisposable {
  /** Global flags of buildah that choose this storage and the driver. */
  globalFlags(driver: "overlay" | "vfs"): readonly string[];
  /** Whether layers of this build will be found again by the next one. */
  readonly keepsLayers: boolean;
}

export interface BuildahStoreOptions {
  /** Builds of one kind share layers: the repository, and the platforms where they are named. */
  readonly repository: string;
  readonly env: NodeJS.ProcessEnv;
  readonly tempDirectory: string;
}

/**
 * Opens the storage of a repository. A store of our own, locked, is why everything left in it by a build that was killed is known to be
 * ours and can be removed. When another build holds it, an empty one below `tempDirectory` serves.
 */
export async function openBuildahStore(options: BuildahStoreOptions): Promise<BuildahStore> {
  const { env, tempDirectory } = options;
  const key = shortHash(options.repository);
  const shared = join(cacheDirectory(env), "buildah", key);
  await mkdir(shared, { recursive: true, mode: 0o700 });
  const lock = join(shared, "lock");
  const keepsLayers = await takeLock(lock);
  const root = keepsLayers ? shared : join(tempDirectory, `buildah-${key}`);
  const runRoot = join(runDirectory(env, tempDirectory), `gpu-ci-buildah-${shortHash(root)}`);
  return {
    keepsLayers,
    globalFlags: (driver) => [
      "--root",
      join(root, driver),
      "--runroot",
      join(runRoot, driver),
      "--storage-driver",
      driver,
      // Without it the storage stays mounted on itself after the build.
      ...(driver === "overlay" ? ["--storage-opt", "overlay.skip_mount_home=true"] : []),
    ],
    [Symbol.asyncDispose]: async () => {
      await removeQuietly(runRoot);
      if (keepsLayers) await rm(lock, { force: true });
      else await removeQuietly(root);
    },
  };
}

/** Removes the working containers of builds that did not come to their end; only call it with the store's lock held. */
export async function removeWorkingContainers(exec: Exec, globalFlags: readonly string[]): Promise<void> {
  // Also after a cancel: so it has a deadline of its own, within the time a runner leaves. What it misses is found by the next build.
  const signal = AbortSignal.timeout(6000);
  await exec("buildah", [...globalFlags, "rm", "--all"], { ignoreExitCode: true, signal }).catch(() => {});
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** The run root holds counts of mounts, which have to vanish with a reboot: so it lies on a tmpfs where there is one. */
function runDirectory(env: NodeJS.ProcessEnv, tempDirectory: string): string {
  if (process.getuid?.() === 0) return "/run";
  return env.XDG_RUNTIME_DIR || tempDirectory;
}

async function takeLock(path: string): Promise<boolean> {
  for (let attempt = 0; attempt < 2; attempt++) {
    const file = await open(path, "wx").catch(() => undefined);
    if (file) {
      await file.writeFile(String(process.pid));
      await file.close();
      return true;
    }
    const holder = Number(await readFile(path, "utf8").catch(() => ""));
    if (holder > 0 && (await isRunning(holder))) return false;
    await rm(path, { force: true });
  }
  return false;
}

async function isRunning(pid: number): Promise<boolean> {
  if (process.platform === "linux") return (await stat(`/proc/${pid}`).catch(() => undefined)) !== undefined;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function removeQuietly(directory: string): Promise<void> {
  // Files of other users in a rootless store cannot be removed from outside its user namespace: the runner empties the folder.
  await rm(directory, { recursive: true, force: true }).catch(() => {});
}
