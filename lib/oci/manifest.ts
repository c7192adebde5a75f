import * as v from "valibot";
import { DomainError } from "../error.ts";
import { isDigest } from "./reference.ts";

/** Media types of manifests and indexes in both families, the only ones that we read and write. */
export const mediaTypes = {
  ociManifest: "application/vnd.oci.image.manifest.v1+json",
  ociIndex: "application/vnd.oci.image.index.v1+json",
  ociConfig: "application/vnd.oci.image.config.v1+json",
  ociLayer: "application/vnd.oci.image.layer.v1.tar",
  dockerManifest: "application/vnd.docker.distribution.manifest.v2+json",
  dockerIndex: "application/vnd.docker.distribution.manifest.list.v2+json",
  dockerConfig: "application/vnd.docker.container.image.v1+json",
  dockerLayer: "application/vnd.docker.image.rootfs.diff.tar",
} as const;

const descriptorSchema = v.looseObject({
  mediaType: v.string(),
  digest: v.pipe(v.string(), v.check(isDigest, "is no sha256 or sha512 digest")),
  size: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  annotations: v.optional(v.record(v.string(), v.string())),
  platform: v.optional(v.looseObject({ architecture: v.string(), os: v.string(), variant: v.optional(v.string()) })),
});
const manifestSchema = v.looseObject({
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  config: descriptorSchema,
  layers: v.array(descriptorSchema),
  subject: v.optional(descriptorSchema),
  annotations: v.optional(v.record(v.string(), v.string())),
});
const indexSchema = v.looseObject({
  schemaVersion: v.literal(2),
  mediaType: v.optional(v.string()),
  manifests: v.array(descriptorSchema),
  subject: v.optional(descriptorSchema),
  annotations: v.optional(v.record(v.string(), v.string())),
});

/** Names content by media type, digest and size in bytes. */
export type Descriptor = v.InferOutput<typeof descriptorSchema>;
/** One platform's image: its config and its layers, the lowest first. */
export type Manifest = v.InferOutput<typeof manifestSchema>;
/** The images of several platforms, or the entry point of an image layout. */
export type Index = v.InferOutput<typeof indexSchema>;

/** A manifest or an index, told apart by `kind`. */
export type ManifestDocument =
  | { readonly kind: "manifest"; readonly mediaType: string; readonly manifest: Manifest }
  | { readonly kind: "index"; readonly mediaType: string; readonly index: Index };

/** A manifest or index as it is stored, and its descriptor. */
export interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** Reads a manifest or index; throws a DomainError `manifest-invalid` that names the first wrong field. */
export function parseManifest(bytes: Uint8Array, origin: string, mediaType?: string): ManifestDocument {
  const value = parseJson(bytes, origin);
  if (isObject(value) && value.schemaVersion === 1) {
    throw invalid(origin, "it is of Docker's schema 1", "Push the image again with a tool of this decade.");
  }
  if (isObject(value) && Array.isArray(value.manifests)) {
    const index = check(indexSchema, value, origin);
    return { kind: "index", mediaType: index.mediaType ?? known(mediaType) ?? mediaTypes.ociIndex, index };
  }
  const manifest = check(manifestSchema, value, origin);
  return { kind: "manifest", mediaType: manifest.mediaType ?? known(mediaType) ?? mediaTypes.ociManifest, manifest };
}

/** Whether content of this media type is a manifest or index, which registries keep apart from blobs. */
export function isManifestType(mediaType: string): boolean {
  return known(mediaType) !== undefined;
}

/** The Accept header of every manifest request. */
export const acceptManifests: string = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerIndex,
  mediaTypes.dockerManifest,
].join(", ");

/** Parses JSON that came from elsewhere; throws a DomainError `manifest-invalid`. */
export function parseJson(bytes: Uint8Array, origin: string): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf8")) as unknown;
  } catch (error) {
    throw invalid(origin, `it is no JSON (${error instanceof Error ? error.message : String(error)})`);
  }
}

function known(mediaType: string | undefined): string | undefined {
  const bare = mediaType?.split(";")[0]?.trim();
  const manifests: readonly string[] = [
    mediaTypes.ociIndex,
    mediaTypes.ociManifest,
    mediaTypes.dockerIndex,
    mediaTypes.dockerManifest,
  ];
  return manifests.find((type) => type === bare);
}

function check<S extends v.GenericSchema>(schema: S, value: unknown, origin: string): v.InferOutput<S> {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  throw invalid(origin, `field ${v.getDotPath(issue) ?? "(root)"}: ${issue.message}`);
}

function invalid(origin: string, observed: string, hint?: string): DomainError {
  return new DomainError(
    "manifest-invalid",
    `${origin} is no image manifest: ${observed}.`,
    hint === undefined ? {} : { hint },
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
