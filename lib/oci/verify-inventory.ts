import pLimit from "p-limit";
import { readInventory, type StoredImage } from "./prune-inventory.ts";
import type { RegistryClient } from "./registry-client.ts";

/** An image that can no longer be pulled, and why. */
export interface DamagedImage extends Pick<StoredImage, "repository" | "digest" | "tags"> {
  readonly why: string;
}

/** Reads every manifest of a registry that a tag names, and asks for the size of every blob they name, each once. */
export async function findDamagedImages(client: RegistryClient): Promise<readonly DamagedImage[]> {
  const { images } = await readInventory(client);
  const limit = pLimit(16);
  const asked = new Map<string, Promise<string | undefined>>();
  const ask = (repository: string, digest: string, size: number) =>
    limit(async () => {
      const stored = await client.headBlob(repository, digest);
      return stored?.size === size ? undefined : `blob ${digest} ${stored ? `has ${stored.size} bytes` : "is missing"}`;
    });
  const judge = async (image: StoredImage): Promise<string | undefined> => {
    const manifests = new Set([image.digest, ...image.children]);
    const blobs = image.content.filter(({ digest }) => !manifests.has(digest));
    const answers = await Promise.all(
      blobs.map(({ digest, size }) => {
        const answer = asked.get(digest) ?? ask(image.repository, digest, size);
        asked.set(digest, answer);
        return answer;
      }),
    );
    return image.damage ?? answers.find((answer) => answer !== undefined);
  };
  const verdicts = await Promise.all(images.map(judge));
  return images.flatMap(({ repository, digest, tags }, at) => {
    const why = verdicts[at];
    return why === undefined ? [] : [{ repository, digest, tags, why }];
  });
}
