import { Readable } from "node:stream";
import { isManifestType } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { ImageSource } from "./source.ts";

/** An image in a registry as the source of another push. Throws DomainError `image-absent`; the client is disposed with the source. */
export async function openRegistryImage(
  client: RegistryClient,
  repository: string,
  digest: string,
): Promise<ImageSource> {
  const stored = await client.getManifest(repository, digest);
  return {
    description: `${client.registry}/${repository}@${digest}`,
    root: stored.descriptor,
    name: repository,
    storedIn: () => ({ registry: client.registry, repository }),
    open: async (descriptor) => {
      if (!isManifestType(descriptor.mediaType)) return client.getBlob(repository, descriptor);
      const { bytes } = descriptor.digest === digest ? stored : await client.getManifest(repository, descriptor.digest);
      return Readable.from([bytes]);
    },
    [Symbol.asyncDispose]: async () => client[Symbol.dispose](),
  };
}
