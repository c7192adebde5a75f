import pLimit from "p-limit";
import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import { formatSize } from "../size.ts";
import { findElsewhere } from "./blob-elsewhere.ts";
import { blobDamaged, replaceBlob } from "./damaged-blob.ts";
import { type ImageContent, readContent } from "./image-content.ts";
import { inParallel } from "./in-parallel.ts";
import { inRepository } from "./in-repository.ts";
import type { Descriptor, StoredManifest } from "./manifest.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { ImageSource } from "./source.ts";

export interface PushOptions {
  readonly source: ImageSource;
  readonly client: RegistryClient;
  readonly repository: string;
  /** Put last, when everything they name is there. */
  readonly tags: readonly string[];
  /** Blobs sent at a time. */
  readonly parallel: number;
  /** Ask for each blob's size also when the manifest is there already. Default true: a registry may have lost or cut one. */
  readonly checkBlobs?: boolean;
  /** Uploads of its blobs that were begun already: their addresses by digest. */
  readonly begun?: ReadonlyMap<string, URL>;
  readonly log: Log;
}

export interface PushResult {
  readonly digest: string;
  /** Bytes of blobs that were sent; repeated sending is not counted twice. */
  readonly pushedBytes: number;
  /** Bytes of blobs that the registry had already, or mounted. */
  readonly skippedBytes: number;
}

interface PushState {
  readonly content: ImageContent;
  readonly stale: readonly string[];
  /** The manifest is in the registry. */
  readonly isThere: boolean;
}
interface Plan {
  readonly present: readonly Descriptor[];
  readonly missing: readonly Descriptor[];
  /** Repositories of the registry that hold what is missing here, by digest. */
  readonly elsewhere: ReadonlyMap<string, string>;
}

/** Pushes an image, an index with all its platforms, and moves nothing that is there. Needs no memory that grows with a layer. */
export async function pushImage(options: PushOptions): Promise<PushResult> {
  const { source, tags, log } = options;
  const content = await readContent(source);
  const stale = await findStaleTags(options);
  const isThere = stale.length < tags.length || (await look(options, "headManifest", source.root.digest)) !== undefined;
  const state = { content, stale, isThere };
  const pushedBytes = await inRepository(options, () => pushContent(options, state)).catch((error: unknown) => {
    if (!(error instanceof DomainError) || error.code !== "registry-blob-unknown") throw error;
    // Garbage was collected there between a blob and the manifest that names it.
    log.info(`${error.message} What is missing is sent once more.`);
    return pushContent(options, { ...state, isThere: false });
  });
  return { digest: source.root.digest, pushedBytes, skippedBytes: sizeOf(content.blobs) - pushedBytes };
}

async function pushContent(options: PushOptions, { content, stale, isThere }: PushState): Promise<number> {
  const { client, repository, checkBlobs } = options;
  const plan = isThere && checkBlobs === false ? everythingPresent(content) : await planBlobs(options, content);
  const sentBytes = await sendBlobs(options, plan);
  const root = content.manifests.at(-1);
  if (!root) throw new Error("An image without a manifest.");
  if (!isThere || plan.missing.length > 0) await putManifests(options, content.manifests);
  for (const tag of stale) await client.putManifest(repository, tag, root);
  return sentBytes;
}

/** Asks what is there; an entry that the registry cannot read counts as absent, since writing it again repairs it. */
async function look<K extends "headManifest" | "headBlob">(
  { client, repository, log }: PushOptions,
  what: K,
  name: string,
): Promise<Awaited<ReturnType<RegistryClient[K]>> | undefined> {
  try {
    return (await client[what](repository, name, "brief")) as Awaited<ReturnType<RegistryClient[K]>>;
  } catch (error) {
    if (!(error instanceof DomainError) || error.code !== "registry-entry-damaged") throw error;
    log.warning(`${error.message} It is written again.`);
    return undefined;
  }
}

async function findStaleTags(options: PushOptions): Promise<readonly string[]> {
  const { tags, source } = options;
  const found = await Promise.all(tags.map((tag) => look(options, "headManifest", tag)));
  return tags.filter((_tag, at) => found[at]?.digest !== source.root.digest);
}

async function planBlobs(options: PushOptions, { blobs }: ImageContent): Promise<Plan> {
  const { client, repository, source } = options;
  const limit = pLimit(16);
  const found = await Promise.all(blobs.map((blob) => limit(() => look(options, "headBlob", blob.digest))));
  // A blob of another size is a damaged one: sending it again repairs it in registries that allow it.
  const isPresent = (blob: Descriptor, at: number) => found[at]?.size === blob.size;
  const missing = blobs.filter((blob, at) => !isPresent(blob, at));
  const unplaced = missing.filter((blob) => source.storedIn(blob)?.registry !== client.registry);
  const elsewhere = await findElsewhere(client, repository, unplaced);
  return { present: blobs.filter(isPresent), missing, elsewhere };
}

function everythingPresent({ blobs }: ImageContent): Plan {
  return { present: blobs, missing: [], elsewhere: new Map() };
}

async function sendBlobs(options: PushOptions, plan: Plan): Promise<number> {
  const { present, missing, elsewhere } = plan;
  const { log, repository, parallel } = options;
  if (missing.length === 0) return 0;
  log.info(
    `${repository}: ${missing.length} blobs (${formatSize(sizeOf(missing))}) to send or mount, ${present.length} are there.`,
  );
  const total = sizeOf(missing);
  const sent = new Map<string, number>();
  const report = (digest: string, bytes: number) => {
    sent.set(digest, bytes);
    log.progress({ label: `push ${repository}`, done: sum(sent.values()), total, unit: "bytes" });
  };
  // The largest first, so that no single one is left to wait for at the end.
  const queue = missing.toSorted((a, b) => b.size - a.size);
  const sentBytes = await inParallel(queue, parallel, (blob) =>
    sendBlob(options, blob, {
      place: elsewhere.get(blob.digest),
      onProgress: (bytes) => report(blob.digest, bytes),
    }),
  );
  return sum(sentBytes);
}

/** The bytes that had to be sent: none when the registry could mount the blob. */
async function sendBlob(
  options: PushOptions,
  blob: Descriptor,
  { place, onProgress }: { place: string | undefined; onProgress: (bytes: number) => void },
): Promise<number> {
  const { source, client, repository } = options;
  const origin = source.storedIn(blob);
  const from = origin?.registry === client.registry ? origin.repository : place;
  if (from !== undefined && from !== repository) {
    const mounted = await client.mountBlob({ repository, digest: blob.digest, from });
    if (mounted && (await client.headBlob(repository, blob.digest))?.size === blob.size) return 0;
  }
  const { read } = source;
  await client.putBlob({
    repository,
    digest: blob.digest,
    size: blob.size,
    open: () => source.open(blob),
    ...(read ? { read: () => read(blob) } : {}),
    origin: source.description,
    onProgress,
    begun: options.begun?.get(blob.digest),
  });
  const size = async () => (await client.headBlob(repository, blob.digest))?.size;
  if ((await size()) === blob.size) return blob.size;
  const stored = { client, repository, blob };
  await replaceBlob(stored, source);
  const found = await size();
  if (found === blob.size) return blob.size;
  throw blobDamaged(stored, `${found ?? 0} bytes instead of ${blob.size}, also after deleting and sending it again`);
}

async function putManifests({ client, repository }: PushOptions, manifests: readonly StoredManifest[]): Promise<void> {
  for (const manifest of manifests) await client.putManifest(repository, manifest.descriptor.digest, manifest);
}

function sizeOf(blobs: readonly Descriptor[]): number {
  return sum(blobs.map(({ size }) => size));
}

function sum(values: Iterable<number>): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}
