import { DomainError } from "../error.ts";
import type { Descriptor } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { ImageSource } from "./source.ts";

/** A blob as a registry stores it. */
export interface StoredBlob {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly blob: Descriptor;
}

/**
 * Deletes a damaged blob where the registry lets us, and sends it again from the source; whoever asked looks whether that helped. Registries of the distribution
 * project up to 3.0 keep the bytes of a blob that is deleted and drop those that are sent: there only the file's removal helps.
 */
export async function replaceBlob({ client, repository, blob }: StoredBlob, source: ImageSource): Promise<void> {
  // What would be sent is what is damaged.
  if (source.storedIn(blob)?.registry === client.registry) return;
  await client.deleteBlob(repository, blob.digest).catch((error: unknown) => {
    // A token server that grants no deletion, for instance: then sending it again has to do.
    if (!(error instanceof DomainError)) throw error;
  });
  const { read } = source;
  const { digest, size } = blob;
  await client.putBlob({
    repository,
    digest,
    size,
    open: () => source.open(blob),
    ...(read ? { read: () => read(blob) } : {}),
    origin: source.description,
  });
}

/** DomainError `registry-blob-damaged` that names the file to remove. */
export function blobDamaged({ client, repository, blob }: StoredBlob, observed: string, cause?: unknown): DomainError {
  const [algorithm = "", hex = ""] = blob.digest.split(":");
  const file = `docker/registry/v2/blobs/${algorithm}/${hex.slice(0, 2)}/${hex}/data`;
  return new DomainError(
    "registry-blob-damaged",
    `Blob ${blob.digest} of ${client.registry}/${repository} is damaged in the registry: ${observed}.`,
    {
      hint: `Remove its file and push again; a registry of the distribution project keeps it as ${file} in its storage. In microk8s: kubectl -n container-registry exec deploy/registry -- rm /var/lib/registry/${file}`,
      ...(cause === undefined ? {} : { cause }),
    },
  );
}
