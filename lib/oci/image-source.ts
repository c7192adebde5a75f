import { stat } from "node:fs/promises";
import { DomainError } from "../error.ts";
import type { Host } from "../host.ts";
import { isEngineImage } from "./engine-name.ts";
import { openLayout } from "./layout-source.ts";
import { parseNamed } from "./reference.ts";
import type { RegistryClient } from "./registry-client.ts";
import { openRegistryImage } from "./registry-source.ts";
import type { ImageSource } from "./source.ts";

export interface SourceOptions {
  /** OCI layout folder, OCI or docker archive, `containers-storage:NAME`, `docker-daemon:NAME`, `containerd:NAME` or `repo@digest`. */
  readonly source: string;
  /** Opens the registry of a `repo@digest`; undefined stands for a name without a registry. */
  readonly registryOf: (registry: string | undefined) => RegistryClient;
  readonly deps: Pick<Host, "exec" | "env" | "log" | "tempDirectory" | "signal">;
}

/** Opens an image to be pushed, by what its text looks like. Throws a DomainError that names what is missing or wrong. */
export async function openImageSource({ source, registryOf, deps }: SourceOptions): Promise<ImageSource> {
  // What a kind of source needs is loaded for it alone: a layout would wait for the reader of archives.
  if (source.startsWith("containerd:")) {
    const { openContainerdImage } = await import("./containerd-source.ts");
    return openContainerdImage(source.slice("containerd:".length), deps);
  }
  if (isEngineImage(source)) return (await import("./engine-source.ts")).openEngineImage(source, deps);
  const found = await stat(source).catch(() => undefined);
  if (found?.isDirectory()) return openLayout(source);
  if (found?.isFile()) return (await import("./archive-source.ts")).openArchive(source);
  const named = parseNamed(source);
  if (named?.digest !== undefined) return openRegistryImage(registryOf(named.registry), named.repository, named.digest);
  throw new DomainError("source-absent", `Source ${source} does not exist: there is no such folder or file.`, {
    hint: "Give an OCI layout, an OCI or docker archive, containers-storage:NAME, docker-daemon:NAME, containerd:NAME or REPOSITORY@DIGEST.",
  });
}
