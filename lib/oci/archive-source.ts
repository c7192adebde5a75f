import { mustFind, readArchive } from "./archive.ts";
import { openDockerArchive } from "./docker-archive.ts";
import { blobPath, rootOfLayout } from "./layout-source.ts";
import type { ImageSource } from "./source.ts";

/** Opens an OCI archive (a tarred layout) or what `docker save` wrote. Throws DomainError `archive-invalid`. */
export async function openArchive(path: string): Promise<ImageSource> {
  const archive = await readArchive(path);
  const index = archive.find("index.json");
  if (!index) return openDockerArchive(archive);
  const { root, name } = rootOfLayout(await archive.read(index), path);
  return {
    description: `archive ${path}`,
    root,
    name,
    storedIn: () => undefined,
    open: async ({ digest }) => archive.stream(mustFind(archive, blobPath("", digest))),
    [Symbol.asyncDispose]: async () => {},
  };
}
