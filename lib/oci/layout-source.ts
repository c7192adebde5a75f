import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../error.ts";
import { readFileContent } from "./file-content.ts";
import { type Descriptor, type Index, parseManifest } from "./manifest.ts";
import type { ImageSource } from "./source.ts";

/** Opens an OCI image layout folder. Throws DomainError `layout-invalid` unless its index names exactly one image. */
export async function openLayout(directory: string): Promise<ImageSource> {
  const bytes = await readFile(join(directory, "index.json")).catch((error: unknown) => {
    throw new DomainError("layout-invalid", `Folder ${directory} is no OCI image layout: it has no index.json.`, {
      hint: "Give the folder that a builder wrote with type=oci or oci:FOLDER.",
      cause: error,
    });
  });
  const { root, name } = rootOfLayout(bytes, directory);
  return {
    description: `layout ${directory}`,
    root,
    name,
    storedIn: () => undefined,
    open: async ({ digest }) => createReadStream(blobPath(directory, digest), { highWaterMark: 1 << 20 }),
    read: ({ digest }) => readFileContent(blobPath(directory, digest)),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** The one image that a layout's index.json names; shared by folders and archives. */
export function rootOfLayout(bytes: Uint8Array, origin: string): { root: Descriptor; name: string | undefined } {
  const document = parseManifest(bytes, `${origin}/index.json`);
  if (document.kind !== "index") throw invalid(origin, "its index.json is a manifest");
  const root = onlyImage(document.index, origin);
  return {
    root,
    name:
      root.annotations?.["io.containerd.image.name"] ?? nameOf(root.annotations?.["org.opencontainers.image.ref.name"]),
  };
}

/** Where a layout keeps a blob, relative to its folder. */
export function blobPath(directory: string, digest: string): string {
  const [algorithm = "", hex = ""] = digest.split(":");
  return join(directory, "blobs", algorithm, hex);
}

// Several tags of one image are several entries with one digest.
function onlyImage(index: Index, origin: string): Descriptor {
  const [first] = index.manifests;
  const digests = new Set(index.manifests.map(({ digest }) => digest));
  if (first && digests.size === 1) return first;
  throw invalid(origin, `its index.json names ${digests.size} images: ${[...digests].join(", ")}`);
}

// This annotation holds a bare tag as often as a name.
function nameOf(annotation: string | undefined): string | undefined {
  return annotation?.includes("/") ? annotation : undefined;
}

function invalid(origin: string, observed: string): DomainError {
  return new DomainError("layout-invalid", `${origin} is no image layout of one image: ${observed}.`, {
    hint: "Write one image into a folder of its own; several platforms belong into one index.",
  });
}
