import pLimit from "p-limit";
import { DomainError } from "../error.ts";
import { readContent } from "./image-content.ts";
import type { Descriptor } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import { openRegistryImage } from "./registry-source.ts";

/** What was proved about a stored image: nothing, the size of every blob, or every byte. */
export type Verification = "none" | "size" | "full";

/**
 * Asks the registry for what it would give to whoever pulls: `size` compares the stored size of every blob, `full` reads and
 * hashes all of them. Throws DomainError `registry-blob-damaged`, `content-damaged` or `blob-absent`.
 */
export async function verifyImage(
  client: RegistryClient,
  repository: string,
  digest: string,
  level: Verification,
): Promise<Verification> {
  if (level === "none") return "none";
  // Not disposed: that would close the caller's client.
  const { blobs } = await readContent(await openRegistryImage(client, repository, digest));
  const limit = pLimit(level === "full" ? 2 : 16);
  const check = level === "full" ? readWhole : compareSize;
  await Promise.all(blobs.map((blob) => limit(() => check(client, repository, blob))));
  return level;
}

/**
 * The same for an image whose push asked for the size of every blob itself, as pushImage does unless told otherwise: `size` then only reads back
 * the manifests that name them.
 */
export async function verifyPushed(
  client: RegistryClient,
  repository: string,
  digest: string,
  level: Verification,
): Promise<Verification> {
  if (level !== "size") return verifyImage(client, repository, digest, level);
  await readContent(await openRegistryImage(client, repository, digest));
  return level;
}

async function compareSize(client: RegistryClient, repository: string, blob: Descriptor): Promise<void> {
  const stored = await client.headBlob(repository, blob.digest);
  if (stored?.size === blob.size) return;
  const observed = stored ? `${stored.size} bytes instead of ${blob.size}` : "it is missing";
  throw new DomainError(
    "registry-blob-damaged",
    `Blob ${blob.digest} of ${client.registry}/${repository} is damaged: ${observed}.`,
    {
      hint: "Push the image again; if that does not help, delete the blob's file in the registry's storage first.",
    },
  );
}

async function readWhole(client: RegistryClient, repository: string, blob: Descriptor): Promise<void> {
  for await (const _chunk of await client.getBlob(repository, blob)) {
    // The stream itself fails when size or digest are not as they should be.
  }
}
