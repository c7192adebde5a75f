import { DomainError } from "../error.ts";
import { readImageConfig } from "../oci/image-config.ts";
import type { RegistryClient } from "../oci/registry-client.ts";
import { type BaseImage, basesLabel, inputsHashLabel, inputsTag, parseBases } from "./inputs-hash.ts";

/** What the registry has for a build, compared by the inputs hash. */
export type Published =
  | { readonly kind: "current"; readonly digest: string }
  /** Neither an image of these inputs nor one of this version. */
  | { readonly kind: "absent" }
  /** Only base images differ, and the digests of those that differ could not be found out now. */
  | { readonly kind: "bases-unknown"; readonly digest: string }
  /** Only base images differ: each entry names one, with the digests before and now. */
  | { readonly kind: "bases-moved"; readonly moved: readonly string[] }
  /** The version exists, made from other inputs; or not by us, then `hash` is undefined. */
  | { readonly kind: "changed"; readonly digest: string; readonly hash: string | undefined };

export interface PublishedQuery {
  readonly client: RegistryClient;
  readonly repository: string;
  readonly version: string;
  readonly hash: string;
  readonly bases: readonly BaseImage[];
  /** The inputs hash these inputs would have on other base images. */
  readonly rehash: (bases: readonly BaseImage[]) => string;
}

/** Looks for an image of these inputs: one HEAD when there is one, the version's labels otherwise. Throws when the registry cannot tell. */
export async function findPublishedImage(query: PublishedQuery): Promise<Published> {
  const { client, repository, version } = query;
  const current = await client.headManifest(repository, inputsTag(query.hash));
  if (current) return { kind: "current", digest: current.digest };
  const tagged = await client.headManifest(repository, version);
  if (!tagged) return { kind: "absent" };
  const { labels } = await readImageConfig(client, repository, tagged.digest).catch(withoutImage);
  return compare(query, tagged.digest, labels);
}

function compare(query: PublishedQuery, digest: string, labels: Readonly<Record<string, string>>): Published {
  const hash = labels[inputsHashLabel];
  // Pushed under its version by somebody, without the inputs tag.
  if (hash === query.hash) return { kind: "current", digest };
  const before = parseBases(labels[basesLabel]);
  const sameButBases = before?.length === query.bases.length && query.rehash(before) === hash;
  if (!before || !sameButBases) return { kind: "changed", digest, hash };
  const moved = query.bases.flatMap((base, index) => {
    const old = before[index];
    if (base.digest === undefined || base.digest === old?.digest) return [];
    return [`${base.reference}: ${old?.digest ?? "not known"} before, ${base.digest} now`];
  });
  return moved.length > 0 ? { kind: "bases-moved", moved } : { kind: "bases-unknown", digest };
}

function withoutImage(error: unknown): { labels: Readonly<Record<string, string>> } {
  // An image of other platforms only: it has labels, but none that can be compared with this machine's build.
  if (error instanceof DomainError && error.code === "platform-absent") return { labels: {} };
  throw error;
}
