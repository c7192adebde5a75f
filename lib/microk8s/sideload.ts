import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { create } from "tar";
import { DomainError, InputError } from "../error.ts";
import { CommandError } from "../exec.ts";
import { openArchive } from "../oci/archive-source.ts";
import { openLayout } from "../oci/layout-source.ts";
import { parseNamed } from "../oci/reference.ts";
import { askAsRoot, type HostPrograms, runAsRoot } from "./host-programs.ts";

/** An image in a file or folder, to be put into the node without a registry. */
export interface Sideload {
  readonly path: string;
  readonly isFolder: boolean;
  /** Digest of its manifest or index. */
  readonly digest: string;
  /** The name it has of its own, by which a pod can ask for it. */
  readonly name: string | undefined;
  /** Whether a pod can ask for it by that name: an OCI layout's is taken as it stands, and the kubelet never asks without a registry. */
  readonly isAskedFor: boolean;
}

/** Opens the images, so that a wrong one is named before anything is done. Throws InputError `sideload-images`. */
export async function findSideloads(paths: readonly string[]): Promise<readonly Sideload[]> {
  return await Promise.all(paths.map(openSideload));
}

/**
 * Imports images into the containerd of microk8s, for the kubelet: nothing is pulled then. One that is there, by its digest, is not imported again; none is
 * removed afterwards. Throws DomainError `sideload-failed`.
 */
export async function sideloadImages(host: HostPrograms, images: readonly Sideload[]): Promise<void> {
  if (images.length === 0) return;
  const { stdout } = await askAsRoot(host, "microk8s", ["ctr", "image", "ls"]);
  for (const image of images) {
    const { path, isFolder, digest, name } = image;
    const what = `Image ${name ?? digest} of ${path}`;
    const present = stdout
      .split("\n")
      .some((line) => line.includes(digest) && (name === undefined || line.includes(name)));
    host.log.info(present ? `${what} is on the node already.` : `${what}: importing it.`);
    if (present) continue;
    if (!image.isAskedFor)
      host.log.warning(`${what}: no pod can ask for it. Name it in its layout, as REGISTRY/REPOSITORY:TAG.`);
    try {
      const args = ["ctr", "image", "import", isFolder ? "-" : path];
      await runAsRoot(
        host,
        "microk8s",
        args,
        isFolder ? Readable.from(create({ cwd: path, portable: true }, ["."])) : undefined,
      );
    } catch (cause) {
      if (!(cause instanceof CommandError)) throw cause;
      throw new DomainError(
        "sideload-failed",
        `${what} could not be imported: ${cause.stderr.trim().split("\n").at(-1)}`,
        {
          hint: "Check the space left below /var/snap/microk8s, and that microk8s runs: microk8s status.",
          retryable: true,
          cause,
        },
      );
    }
  }
}

async function openSideload(given: string): Promise<Sideload> {
  const path = resolve(given);
  const found = await stat(path).catch(() => undefined);
  if (!found)
    throw new InputError("sideload-images", given, "paths of OCI layouts, OCI archives or docker archives that exist");
  try {
    await using source = found.isDirectory() ? await openLayout(path) : await openArchive(path);
    const { root, name } = source;
    const isAskedFor = name !== undefined && (!isOci(root.mediaType) || parseNamed(name)?.registry !== undefined);
    return { path, isFolder: found.isDirectory(), digest: root.digest, name, isAskedFor };
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw new InputError(
      "sideload-images",
      given,
      "paths of OCI layouts, OCI archives or docker archives",
      error.message,
    );
  }
}

function isOci(mediaType: string): boolean {
  return mediaType.startsWith("application/vnd.oci.");
}
