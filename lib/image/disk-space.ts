import { mkdir, statfs } from "node:fs/promises";
import { DomainError } from "../error.ts";
import { formatSize } from "../size.ts";

/** Throws DomainError `disk-full` when the file system of `directory` has less than `minBytes` left for this user. */
export async function requireFreeSpace(directory: string, minBytes: number): Promise<void> {
  await mkdir(directory, { recursive: true });
  const { bavail, bsize } = await statfs(directory);
  const freeBytes = bavail * bsize;
  if (freeBytes >= minBytes) return;
  throw new DomainError(
    "disk-full",
    `The file system of ${directory} has ${formatSize(freeBytes)} free; the build asks for ${formatSize(minBytes)} (min-free).`,
    { hint: "Free space (df -h, docker system prune, buildah rmi --prune), or lower min-free." },
  );
}
