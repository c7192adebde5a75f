import { Readable } from "node:stream";
import { deadline } from "../abort.ts";
import { CommandError } from "../exec.ts";
import type { Host } from "../host.ts";
import { containerdFailure, findContainerd } from "./containerd.ts";
import { imageArchive } from "./image-archive.ts";
import type { ImageSource } from "./source.ts";

/**
 * Imports an image into the containerd of this node under the given names, in a stream: pods find it without a registry. False when each name is
 * there with this digest already. Throws DomainError `engine-absent`, `containerd-unreachable`, `sideload-failed`, or `deadline-exceeded`.
 */
export async function importIntoContainerd(
  source: ImageSource,
  names: readonly string[],
  { exec, env, signal }: Pick<Host, "exec" | "env" | "signal">,
): Promise<boolean> {
  const { program, args } = await findContainerd({ exec, env, signal });
  try {
    using question = deadline("containerd's list of images", 30_000, signal);
    const { stdout } = await exec(program, [...args, "images", "ls"], { env, signal: question.signal });
    const lines = stdout.split("\n").map((line) => line.split(/\s+/));
    const isThere = (name: string) => lines.some(([ref, , digest]) => ref === name && digest === source.root.digest);
    if (names.every(isThere)) return false;
    using transfer = deadline(`containerd's import of ${source.description}`, 60 * 60_000, signal);
    const stdin = Readable.from(imageArchive(source, names), { objectMode: false });
    const options = { env, signal: transfer.signal, stdin };
    await exec(program, [...args, "images", "import", "--all-platforms", "-"], options);
    return true;
  } catch (cause) {
    if (!(cause instanceof CommandError)) throw cause;
    throw containerdFailure("sideload-failed", `did not import ${source.description}`, cause);
  }
}
