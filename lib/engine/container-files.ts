import { createHash } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, open, readdir, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { pipeline } from "node:stream/promises";
import { DomainError } from "../error.ts";
import type { CollectedFile, SecretFile, TestPod } from "./test-pod.ts";
import { wrapperScript } from "./wrapper.ts";

/** As much as Kubernetes takes of a termination message. */
const receiptLimitBytes = 4096;

/** The folder on this machine that a container's /gpu-ci is made of. */
export interface ContainerFiles {
  readonly bin: string;
  readonly out: string;
  readonly control: string;
  readonly logFile: string;
  readonly envFile: string;
  /** Secrets that an environment file cannot hold: they travel in the environment of podman or docker itself. */
  readonly inheritedEnv: Readonly<Record<string, string>>;
  /** Secret files as `SOURCE:PATH`. */
  readonly files: readonly string[];
  /** For what services leave and are given. */
  readonly services: string;
  /** The wrapper's receipt; empty when it left none. */
  receipt(): Promise<string>;
  /** Copies what the test left to `directory`; links and special files stay behind. */
  collect(directory: string): Promise<readonly CollectedFile[]>;
  remove(): Promise<void>;
}

/** Makes the folder, private to this user; secrets are written into it and nowhere else. */
export async function createContainerFiles(pod: TestPod, tempDirectory: string): Promise<ContainerFiles> {
  const root = await mkdtemp(join(tempDirectory, "container-"));
  const [bin, out, control] = [join(root, "bin"), join(root, "out"), join(root, "control")];
  await Promise.all([bin, out, control, join(root, "files"), join(root, "services")].map((path) => mkdir(path)));
  // Whatever user the container runs as writes here; others on this machine cannot pass the folder around it.
  await Promise.all([out, control].map((path) => chmod(path, 0o777)));
  await chmod(bin, 0o755);
  await writeFile(join(bin, "run"), wrapperScript);
  await chmod(join(bin, "run"), 0o755);
  const envFile = join(root, "secret.env");
  const inheritedEnv = await writeSecretEnv(envFile, pod.secretEnv).catch(async (error: unknown) => {
    await rm(root, { recursive: true, force: true });
    throw error;
  });
  const files = await writeFiles(join(root, "files"), pod.secretFiles ?? []);
  return {
    bin,
    out,
    control,
    logFile: join(root, "log"),
    envFile,
    inheritedEnv,
    files,
    services: join(root, "services"),
    receipt: () => readReceipt(join(control, "receipt")).catch(() => ""),
    collect: (directory) => collectFiles(out, directory),
    remove: () => rm(root, { recursive: true, force: true }),
  };
}

async function writeFiles(directory: string, secretFiles: readonly SecretFile[]): Promise<readonly string[]> {
  return Promise.all(
    secretFiles.map(async ({ content, mountPath }, index) => {
      const path = join(directory, String(index));
      // Whatever user the container runs as reads it; others on this machine cannot pass the folder around it.
      await writeFile(path, content, { mode: 0o444 });
      return `${path}:${mountPath}`;
    }),
  );
}

/**
 * Writes secret variables into an environment file that only this user can read, and gives those that it cannot hold. Throws DomainError
 * `container-start-failed` for one that can travel in neither way.
 */
export async function writeSecretEnv(
  path: string,
  secretEnv: TestPod["secretEnv"],
): Promise<Readonly<Record<string, string>>> {
  const { inFile, inherited } = splitSecrets(secretEnv);
  await writeFile(path, inFile.map(([name, value]) => `${name}=${value}\n`).join(""), { mode: 0o600 });
  return Object.fromEntries(inherited);
}

/** Variables that podman, docker or their loader would take for their own. */
const readByEngine =
  /^(PATH|HOME|USER|SHELL|TMPDIR|LD_.*|XDG_.*|DBUS_.*|CONTAINERS?_.*|PODMAN_.*|BUILDAH_.*|STORAGE_.*|DOCKER_.*|REGISTRY_.*|GO[A-Z]*|NOTIFY_SOCKET|LISTEN_.*|.*_proxy)$/i;

/**
 * An environment file takes a value to the end of its line, but versions differ on quotes and blanks at its ends, and none knows
 * values of several lines.
 */
function splitSecrets(secretEnv: TestPod["secretEnv"]) {
  const entries = Object.entries(secretEnv);
  const isPlain = ([, value]: [string, string]) => /^(?!["'\s])[^\r\n\0]*(?<!\s)$/.test(value);
  const inherited = entries.filter((entry) => !isPlain(entry));
  const refused = inherited.find(([name]) => readByEngine.test(name));
  if (refused) {
    throw new DomainError(
      "container-start-failed",
      `secret-env ${refused[0]} has a value that an environment file cannot hold, and podman and docker read a variable of this name themselves.`,
      {
        hint: "Rename it, or give it a value of one line that begins and ends with neither a quote nor a blank.",
      },
    );
  }
  return { inFile: entries.filter(isPlain), inherited };
}

/** The folder belongs to the container: what stands there may be a link to a file of this machine, or a pipe. */
async function readReceipt(path: string): Promise<string> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if (!(await file.stat()).isFile()) return "";
  const { buffer, bytesRead } = await file.read(Buffer.alloc(receiptLimitBytes), 0, receiptLimitBytes);
  return buffer.subarray(0, bytesRead).toString("utf8");
}

async function collectFiles(out: string, directory: string): Promise<CollectedFile[]> {
  const entries = await readdir(out, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files: CollectedFile[] = [];
  for (const source of paths.toSorted()) {
    const path = relative(out, source);
    const target = join(directory, path);
    await mkdir(dirname(target), { recursive: true });
    await cp(source, target);
    await chmod(target, 0o644);
    files.push({ path, sizeBytes: (await stat(target)).size, sha256: await hashOf(target) });
  }
  return files;
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
