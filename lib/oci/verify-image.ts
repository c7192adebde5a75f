import pLimit from "p-limit";
import { DomainError } from "../error.ts";
import { blobDamaged, type StoredBlob } from "./damaged-blob.ts";
import { readContent } from "./image-content.ts";
import type { Descriptor } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import { openRegistryImage } from "./registry-source.ts";

/** What was proved about a stored image: nothing, the size of every blob, or every byte. */
export type Verification = "none" | "size" | "full";

export interface VerifyOptions {
  /** Tries to mend a blob, which is looked at once more afterwards. */
  readonly repair?: (blob: Descriptor) => Promise<void>;
}

/**
 * Asks the registry for what it would give to whoever pulls: `size` compares the stored size of every blob, `full` reads and
 * hashes all of them. Throws DomainError `registry-blob-damaged`, or `content-damaged` for a manifest.
 */
export async function verifyImage(
  client: RegistryClient,
  repository: string,
  digest: string,
  level: Verification,
  { repair }: VerifyOptions = {},
): Promise<Verification> {
  if (level === "none") return "none";
  // Not disposed: that would close the caller's client.
  const { blobs } = await readContent(await openRegistryImage(client, repository, digest));
  const limit = pLimit(level === "full" ? 2 : 16);
  const findDamage = level === "full" ? damageOfContent : damageOfSize;
  const check = async (blob: Descriptor) => {
    const stored = { client, repository, blob };
    const damage = await findDamage(stored);
    if (damage === undefined) return;
    if (!repair) throw blobDamaged(stored, damage);
    await repair(blob);
    const left = await findDamage(stored);
    if (left !== undefined) throw blobDamaged(stored, `${left}, also after deleting and sending it again`);
  };
  await Promise.all(blobs.map((blob) => limit(() => check(blob))));
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
  options: VerifyOptions = {},
): Promise<Verification> {
  if (level !== "size") return verifyImage(client, repository, digest, level, options);
  await readContent(await openRegistryImage(client, repository, digest));
  return level;
}

async function damageOfSize({ client, repository, blob }: StoredBlob): Promise<string | undefined> {
  const stored = await client.headBlob(repository, blob.digest);
  if (stored?.size === blob.size) return undefined;
  return stored ? `${stored.size} bytes instead of ${blob.size}` : "it is missing";
}

async function damageOfContent({ client, repository, blob }: StoredBlob): Promise<string | undefined> {
  try {
    for await (const _chunk of await client.getBlob(repository, blob)) {
      // The stream itself fails when size or digest are not as they should be.
    }
    return undefined;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (error.code === "blob-absent") return "it is missing";
    if (error.code !== "content-damaged") throw error;
    return (await damageOfSize({ client, repository, blob })) ?? "other bytes than its digest says";
  }
}
