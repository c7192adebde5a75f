import { randomBytes } from "node:crypto";
import { type Log, silentLog } from "../../lib/log.ts";
import type { CompressOptions } from "../../lib/oci/compress-layers.ts";
import { openCompressedLayers } from "../../lib/oci/compressed-layers.ts";
import { pushCompressed } from "../../lib/oci/push-compressed.ts";
import type { PushResult } from "../../lib/oci/push-image.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import type { ImageSource } from "../../lib/oci/source.ts";
import { verifyImage } from "../../lib/oci/verify-image.ts";

/** A push as the action makes it. */
export interface CompressedPush {
  readonly host: string;
  readonly repository: string;
  /** Folder of what is kept between runs. */
  readonly cache: string;
  /** Default zstd. */
  readonly compression?: CompressOptions["compression"];
  readonly isPublic?: boolean;
  readonly log?: Log;
  readonly signal?: AbortSignal;
}

/** Pushes tag `1`, in the clear where the registry speaks nothing else, and loses little time when something fails. */
export async function pushSource(source: ImageSource, push: CompressedPush): Promise<PushResult> {
  const { host, repository, cache, compression = "zstd", isPublic = false, log = silentLog, signal } = push;
  const retry = { attempts: 6, baseMs: 10, maxMs: 50 };
  using client = openRegistry({ registry: host, env: {}, log, retry, tlsVerify: false, ...(signal ? { signal } : {}) });
  const { digest, pushedBytes, skippedBytes } = await pushCompressed({
    source,
    client,
    repository,
    tags: ["1"],
    parallel: 3,
    compression,
    known: await openCompressedLayers(cache),
    isPublic: async () => isPublic,
    log,
  });
  return { digest, pushedBytes, skippedBytes };
}

/** A manifest or index of a registry. */
export interface StoredDocument {
  readonly mediaType: string;
  readonly config: { readonly mediaType: string; readonly digest: string };
  readonly layers: readonly { readonly mediaType: string; readonly digest: string; readonly size: number }[];
  readonly manifests?: readonly { readonly digest: string }[];
}

/** Reads a manifest as it is stored. */
export async function readStored(host: string, repository: string, reference: string): Promise<StoredDocument> {
  const types = ["oci.image.index.v1", "oci.image.manifest.v1", "docker.distribution.manifest.v2"];
  const accept = types.map((type) => `application/vnd.${type}+json`).join(", ");
  const answer = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, { headers: { accept } });
  return (await answer.json()) as StoredDocument;
}

/** Reads every byte of an image back, and throws unless all are right. */
export async function verifyStored(host: string, repository: string, digest: string): Promise<void> {
  using client = openRegistry({ registry: host, env: {}, log: silentLog });
  await verifyImage(client, repository, digest, "full");
}

/** Content of which half gets smaller. */
export function halfRandom(bytes: number): Buffer {
  return Buffer.concat([randomBytes(bytes / 2), Buffer.alloc(bytes / 2, "text ")]);
}
