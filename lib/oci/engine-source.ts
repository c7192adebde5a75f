import { mkdtemp, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../error.ts";
import { CommandError, findProgram } from "../exec.ts";
import type { Host } from "../host.ts";
import { formatSize } from "../size.ts";
import { openArchive } from "./archive-source.ts";
import { engineFailure } from "./engine-failure.ts";
import type { ImageSource } from "./source.ts";

/**
 * An image of podman's or docker's own store: saved uncompressed into the temporary folder first, which needs as much space as the
 * image has unpacked, and removed with the source. Throws DomainError `engine-absent`, or what `engineFailure` makes of a save that failed.
 */
export async function openEngineImage(
  source: string,
  deps: Pick<Host, "exec" | "log" | "tempDirectory" | "signal">,
): Promise<ImageSource> {
  const name = source.slice(source.indexOf(":") + 1);
  const wanted = source.startsWith("docker-daemon:") ? ["docker"] : ["podman", "buildah"];
  const program = await firstProgram(wanted, deps);
  if (program === undefined) {
    throw new DomainError("engine-absent", `Source ${source} needs ${wanted.join(" or ")}, which this machine lacks.`, {
      hint: "Install it, or build into an OCI layout, which needs no store and no temporary space.",
    });
  }
  const folder = await mkdtemp(join(deps.tempDirectory, "image-"));
  const file = join(folder, "image.tar");
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await deps.exec(program, saveArguments(program, name, file), { signal: deps.signal });
    deps.log.info(`Saved ${name} from ${program}: ${formatSize((await stat(file)).size)} of temporary space.`);
    return { ...(await openArchive(file)), description: source, name, [Symbol.asyncDispose]: remove };
  } catch (error) {
    await remove();
    if (!(error instanceof CommandError)) throw error;
    throw engineFailure({ program, name, folder: deps.tempDirectory, cause: error });
  }
}

async function firstProgram(names: readonly string[], { exec }: Pick<Host, "exec">): Promise<string | undefined> {
  for (const name of names) if ((await findProgram(exec, name)) !== undefined) return name;
  return undefined;
}

function saveArguments(program: string, name: string, file: string): readonly string[] {
  if (program === "docker") return ["save", "--output", file, "--", name];
  if (program === "buildah") return ["push", "--", name, `docker-archive:${file}`];
  return ["save", "--format", "docker-archive", "--output", file, "--", name];
}
