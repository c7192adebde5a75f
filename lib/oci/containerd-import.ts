import { Readable } from "node:stream";
import { DomainError } from "../error.ts";
import { CommandError } from "../exec.ts";
import type { Host } from "../host.ts";
import { findContainerd } from "./containerd.ts";
import { imageArchive } from "./image-archive.ts";
import type { ImageSource } from "./source.ts";

/**
 * Imports an image into the containerd of this node under the given names, in a stream: pods find it without a registry. False when each name is
 * there with this digest already. Throws DomainError `engine-absent` or `sideload-failed`.
 */
export async function importIntoContainerd(
  source: ImageSource,
  names: readonly string[],
  { exec, env, signal }: Pick<Host, "exec" | "env" | "signal">,
): Promise<boolean> {
  const { program, args } = await findContainerd({ exec, env, signal });
  const options = { env, signal };
  try {
    const { stdout } = await exec(program, [...args, "images", "ls"], options);
    const lines = stdout.split("\n").map((line) => line.split(/\s+/));
    const isThere = (name: string) => lines.some(([ref, , digest]) => ref === name && digest === source.root.digest);
    if (names.every(isThere)) return false;
    const stdin = Readable.from(imageArchive(source, names), { objectMode: false });
    await exec(program, [...args, "images", "import", "--all-platforms", "-"], { ...options, stdin });
    return true;
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    throw new DomainError(
      "sideload-failed",
      `containerd did not import ${source.description}: ${cause.stderr.trim().split("\n").at(-1) || cause.message}`,
      {
        hint: "Check the space left for containerd, and that this user may use its socket (root, or sudo without a password).",
        cause,
      },
    );
  }
}
