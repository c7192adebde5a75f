import { DomainError } from "../error.ts";
import { digestOf } from "./digest.ts";
import { readBody } from "./http-exchange.ts";
import { type Descriptor, isManifestType, parseManifest, type StoredManifest } from "./manifest.ts";
import type { ImageSource } from "./source.ts";

/** Everything an image consists of: what a registry stores as manifests, and what it stores as blobs. */
export interface ImageContent {
  /** Children before the index that names them; the last one is the root. */
  readonly manifests: readonly StoredManifest[];
  /** Configurations and layers, each once. */
  readonly blobs: readonly Descriptor[];
}

/** Reads an image's manifests, all platforms of an index included, and checks each against its digest. */
export async function readContent(source: Pick<ImageSource, "open" | "description" | "root">): Promise<ImageContent> {
  const manifests: StoredManifest[] = [];
  const blobs = new Map<string, Descriptor>();
  const visit = async (descriptor: Descriptor, depth: number): Promise<void> => {
    if (manifests.some((known) => known.descriptor.digest === descriptor.digest)) return;
    const stored = await readManifest(source, descriptor);
    const document = parseManifest(stored.bytes, `${source.description} ${descriptor.digest}`, descriptor.mediaType);
    if (document.kind === "manifest") {
      for (const blob of [document.manifest.config, ...document.manifest.layers]) blobs.set(blob.digest, blob);
    } else {
      if (depth > 3)
        throw new DomainError("manifest-invalid", `${source.description} nests indexes more than three deep.`);
      for (const child of document.index.manifests) await visit(child, depth + 1);
    }
    manifests.push({ ...stored, descriptor: { ...stored.descriptor, mediaType: document.mediaType } });
  };
  await visit(source.root, 0);
  return { manifests, blobs: [...blobs.values()].filter((blob) => !isForeign(blob)) };
}

async function readManifest(
  source: Pick<ImageSource, "open" | "description">,
  descriptor: Descriptor,
): Promise<StoredManifest> {
  const { digest, mediaType } = descriptor;
  const bytes = await readBody(await source.open({ ...descriptor, mediaType: typeToAskFor(mediaType) }), 4 << 20);
  if (digest.startsWith("sha256:") && digestOf(bytes) !== digest) {
    throw new DomainError(
      "content-damaged",
      `Manifest ${digest} of ${source.description} is damaged: its digest is ${digestOf(bytes)}.`,
      {
        hint: "Build or save the image again.",
      },
    );
  }
  return { descriptor: { mediaType, digest, size: bytes.length }, bytes };
}

// Layouts exist whose index names its image without the right type; a registry must still be asked for a manifest.
function typeToAskFor(mediaType: string): string {
  return isManifestType(mediaType) ? mediaType : "application/vnd.oci.image.manifest.v1+json";
}

// Layers that may not be passed on are fetched by whoever runs the image, from elsewhere.
function isForeign(blob: Descriptor): boolean {
  return /nondistributable|foreign/.test(blob.mediaType);
}
