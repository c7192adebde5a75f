import { access, readFile, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CommandError } from "../exec.ts";
import { askAsRoot, type HostPrograms } from "./host-programs.ts";

/** The content of a file of the machine; undefined when there is none. `path` is absolute on the machine. Asks root where this user may not look. */
export async function readRootFile(host: HostPrograms, path: string): Promise<string | undefined> {
  const file = join(host.root, path);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (isCode(error, "ENOENT") || isCode(error, "ENOTDIR")) return undefined;
    if (!isCode(error, "EACCES")) throw error;
    return readAsRoot(host, file);
  }
}

/**
 * Writes a file of the machine, or removes it where the content is undefined. Whoever reads it sees the old content or the new one; its mode stays, and a
 * link stays a link.
 */
export async function writeRootFile(host: HostPrograms, path: string, content: string | undefined): Promise<void> {
  const named = join(host.root, path);
  if (content === undefined) {
    await askAsRoot(host, "rm", ["-f", "--", named]);
    return;
  }
  const file = await realpath(named).catch(() => named);
  const staged = `${file}.gpu-ci`;
  await askAsRoot(host, "mkdir", ["-p", "--", dirname(file)]);
  await askAsRoot(host, "tee", ["--", staged], content);
  // A file that is there keeps its mode; for a new one root's own umask speaks.
  await askAsRoot(host, "chmod", [`--reference=${file}`, "--", staged]).catch((error: unknown) => {
    if (!(error instanceof CommandError)) throw error;
  });
  await askAsRoot(host, "mv", ["-f", "-T", "--", staged, file]);
}

/** Removes a folder of the machine in which nothing is left. */
export async function removeEmptyFolder(host: HostPrograms, path: string): Promise<void> {
  await askAsRoot(host, "rmdir", ["--ignore-fail-on-non-empty", "--", join(host.root, path)]);
}

/** Whether a file or folder of the machine is there; one that this user may not look at counts as absent. */
export async function hasRootFile(host: HostPrograms, path: string): Promise<boolean> {
  return access(join(host.root, path)).then(
    () => true,
    () => false,
  );
}

async function readAsRoot(host: HostPrograms, file: string): Promise<string | undefined> {
  try {
    return (await askAsRoot({ ...host, env: { ...host.env, LC_ALL: "C" } }, "cat", ["--", file])).stdout;
  } catch (error) {
    if (error instanceof CommandError && /No such file/.test(error.stderr)) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
