import pLimit from "p-limit";
import { DomainError } from "../error.ts";
import { readBody } from "./http-exchange.ts";
import { parseConfig } from "./image-config.ts";
import { type ImageContent, readContent } from "./image-content.ts";
import { type Manifest, type ManifestDocument, parseManifest } from "./manifest.ts";
import { listRepositories, listTags } from "./registry-catalog.ts";
import type { RegistryClient } from "./registry-client.ts";
import { openRegistryImage } from "./registry-source.ts";
import type { StoredRevision } from "./registry-storage.ts";

/** Something a registry stores once however often it is used, its size in bytes. */
export interface StoredContent {
  readonly digest: string;
  readonly size: number;
}

/** An image, or an index with all its platforms, in one repository. */
export interface StoredImage {
  readonly repository: string;
  readonly digest: string;
  /** None for an image that is known from the registry's files alone. */
  readonly tags: readonly string[];
  /** When it was made, as it says itself, or pushed, whichever is later; undefined when nothing tells. */
  readonly createdAt: Date | undefined;
  /** Manifests that an index names, at any depth. */
  readonly children: readonly string[];
  /** The image that it says something about: it is a signature, or another note. */
  readonly subject: string | undefined;
  /** Its manifests, configurations and layers. */
  readonly content: readonly StoredContent[];
  /** Why it cannot be read whole; undefined when it can. */
  readonly damage: string | undefined;
}

/** Everything that a registry names by a tag, and what it stores besides where its files could be read. */
export interface Inventory {
  readonly repositories: readonly string[];
  readonly images: readonly StoredImage[];
}

const readErrors = ["image-absent", "manifest-invalid", "content-damaged", "config-invalid", "blob-absent"];

/**
 * Reads every repository of a registry: what each tag names and what that consists of, and the manifests without a tag that its files hold. All of
 * them are needed to tell what only one image uses. Layers are not read. Throws DomainError when a repository cannot be listed: a decision on
 * half of them would be wrong.
 */
export async function readInventory(
  client: RegistryClient,
  revisions: readonly StoredRevision[] = [],
): Promise<Inventory> {
  const repositories = await listRepositories(client);
  const limit = pLimit(8);
  const images = await Promise.all(repositories.map((repository) => readRepository(client, repository, limit)));
  const tagged = images.flat();
  const pushedAt = new Map(revisions.map((revision) => [keyOf(revision), revision.pushedAt]));
  const all = [...tagged, ...(await readUntagged(client, tagged, revisions, limit))];
  return {
    repositories,
    images: all.map((image) => ({ ...image, createdAt: later(image, pushedAt.get(keyOf(image))) })),
  };
}

/** The tags of one repository by the digest that they name now; tags that name nothing are left out. */
export async function readTags(
  client: RegistryClient,
  repository: string,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const limit = pLimit(8);
  const tags = await listTags(client, repository);
  const found = await Promise.all(tags.map((tag) => limit(() => client.headManifest(repository, tag))));
  const named = new Map<string, string[]>();
  for (const [at, tag] of tags.entries()) {
    const digest = found[at]?.digest;
    if (digest !== undefined) named.set(digest, [...(named.get(digest) ?? []), tag]);
  }
  return named;
}

/** Reads one image by its digest. An image that is damaged in the registry is described as such. */
export async function readStoredImage(
  client: RegistryClient,
  repository: string,
  digest: string,
): Promise<Omit<StoredImage, "tags">> {
  try {
    // Not disposed: that would close the caller's client.
    const content = await readContent(await openRegistryImage(client, repository, digest));
    const manifests = content.manifests.map(({ descriptor }) => descriptor);
    const root = content.manifests.at(-1);
    return {
      repository,
      digest,
      createdAt: await readTime(client, repository, content),
      children: manifests.map((child) => child.digest).filter((child) => child !== digest),
      subject: root && subjectOf(parseManifest(root.bytes, digest, root.descriptor.mediaType)),
      content: [...manifests, ...content.blobs].map(({ digest: name, size }) => ({ digest: name, size })),
      damage: undefined,
    };
  } catch (error) {
    if (!(error instanceof DomainError) || !readErrors.includes(error.code)) throw error;
    return {
      repository,
      digest,
      createdAt: undefined,
      children: [],
      subject: undefined,
      content: [],
      damage: error.message,
    };
  }
}

async function readRepository(
  client: RegistryClient,
  repository: string,
  limit: ReturnType<typeof pLimit>,
): Promise<readonly StoredImage[]> {
  const named = await limit(() => readTags(client, repository));
  const read = async ([digest, tags]: [string, readonly string[]]) => ({
    ...(await readStoredImage(client, repository, digest)),
    tags,
  });
  return Promise.all([...named].map((entry) => limit(() => read(entry))));
}

/** Images that no tag and no index names; those that another one of them names are part of it. */
async function readUntagged(
  client: RegistryClient,
  tagged: readonly StoredImage[],
  revisions: readonly StoredRevision[],
  limit: ReturnType<typeof pLimit>,
): Promise<readonly StoredImage[]> {
  const named = new Set(
    tagged.flatMap((image) => [image.digest, ...image.children].map((digest) => keyOf({ ...image, digest }))),
  );
  const unnamed = revisions.filter((revision) => !named.has(keyOf(revision)));
  const read = async ({ repository, digest }: StoredRevision) => ({
    ...(await readStoredImage(client, repository, digest)),
    tags: [],
  });
  const images = await Promise.all(unnamed.map((revision) => limit(() => read(revision))));
  const parts = new Set(images.flatMap((image) => image.children.map((digest) => keyOf({ ...image, digest }))));
  return images.filter((image) => !parts.has(keyOf(image)));
}

function keyOf({ repository, digest }: Pick<StoredImage, "repository" | "digest">): string {
  return `${repository}@${digest}`;
}

function later({ createdAt }: StoredImage, pushedAt: Date | undefined): Date | undefined {
  if (createdAt === undefined || pushedAt === undefined) return createdAt ?? pushedAt;
  return createdAt < pushedAt ? pushedAt : createdAt;
}

function subjectOf(document: ManifestDocument): string | undefined {
  return (document.kind === "index" ? document.index : document.manifest).subject?.digest;
}

/** The latest time that any part of the image gives itself. */
async function readTime(
  client: RegistryClient,
  repository: string,
  { manifests }: ImageContent,
): Promise<Date | undefined> {
  const times: (string | undefined)[] = [];
  for (const { bytes, descriptor } of manifests) {
    const document = parseManifest(bytes, descriptor.digest, descriptor.mediaType);
    times.push(annotatedTime(document));
    if (document.kind === "manifest") times.push(...(await configTimes(client, repository, document.manifest)));
  }
  return latest(times);
}

function annotatedTime(document: ManifestDocument): string | undefined {
  const { annotations } = document.kind === "index" ? document.index : document.manifest;
  return annotations?.[createdName];
}

async function configTimes(
  client: RegistryClient,
  repository: string,
  { config }: Manifest,
): Promise<(string | undefined)[]> {
  // Artifacts, for instance signatures, have something else there.
  if (!/config|image\.v1\+json/.test(config.mediaType)) return [];
  const bytes = await readBody(await client.getBlob(repository, config), 8 << 20);
  const document = parseConfig(bytes, `Configuration ${config.digest} of ${repository}`);
  return [document.created, document.config?.Labels?.[createdName]];
}

/** Reproducible builds stamp images with the beginning of 1970 or 1980: that says nothing about their age. */
function latest(times: readonly (string | undefined)[]): Date | undefined {
  const known = times.map((text) => Date.parse(text ?? "")).filter((time) => time >= Date.UTC(2000));
  return known.length === 0 ? undefined : new Date(Math.max(...known));
}

const createdName = "org.opencontainers.image.created";
