import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

export interface TestImage {
  /** Contents of its layers; they need not be archives as long as nobody unpacks them. */
  readonly layers: Iterable<Buffer>;
  readonly config?: Record<string, unknown>;
  /** Media types of docker's schema 2 instead of OCI's. */
  readonly docker?: boolean;
  /** How the layers say that they are compressed; default is not. */
  readonly compression?: "gzip" | "zstd";
}

export interface TestDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly os: string; readonly architecture: string };
}

const oci = "application/vnd.oci.image";

/** Writes an OCI image layout of one image and gives the descriptor of its manifest. */
export async function writeLayout(folder: string, image: TestImage): Promise<TestDescriptor> {
  const manifest = await writeImage(folder, image);
  await writeIndexFile(folder, manifest);
  return manifest;
}

/** Writes a layout whose one entry is an index of an image for each architecture. */
export async function writeIndexLayout(
  folder: string,
  images: Readonly<Record<string, TestImage>>,
): Promise<TestDescriptor> {
  const manifests: TestDescriptor[] = [];
  for (const [architecture, image] of Object.entries(images)) {
    manifests.push({ ...(await writeImage(folder, image)), platform: { os: "linux", architecture } });
  }
  const mediaType = `${oci}.index.v1+json`;
  const index = await writeBlob(
    folder,
    mediaType,
    Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests })),
  );
  await writeIndexFile(folder, index);
  return index;
}

/** Writes one blob and describes it. */
export async function writeBlob(folder: string, mediaType: string, bytes: Buffer): Promise<TestDescriptor> {
  const hex = createHash("sha256").update(bytes).digest("hex");
  await mkdir(join(folder, "blobs/sha256"), { recursive: true });
  await writeFile(join(folder, "blobs/sha256", hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

async function writeImage(folder: string, image: TestImage): Promise<TestDescriptor> {
  const { layers, config = {}, docker = false, compression } = image;
  const configType = docker ? "application/vnd.docker.container.image.v1+json" : `${oci}.config.v1+json`;
  const plainType = docker ? "application/vnd.docker.image.rootfs.diff.tar" : `${oci}.layer.v1.tar`;
  const layerType = compression ? `${plainType}${docker ? "." : "+"}${compression}` : plainType;
  const mediaType = docker ? "application/vnd.docker.distribution.manifest.v2+json" : `${oci}.manifest.v1+json`;
  const written: TestDescriptor[] = [];
  for (const layer of layers) written.push(await writeBlob(folder, layerType, layer));
  const document = {
    architecture: "amd64",
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: written.map(({ digest }) => digest) },
    history: written.map(() => ({ created_by: "test" })),
  };
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: await writeBlob(folder, configType, Buffer.from(JSON.stringify(document))),
    layers: written,
  };
  return writeBlob(folder, mediaType, Buffer.from(JSON.stringify(manifest)));
}

async function writeIndexFile(folder: string, root: TestDescriptor): Promise<void> {
  await writeFile(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [root] }));
}
