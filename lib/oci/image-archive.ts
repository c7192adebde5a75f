import { Header } from "tar";
import { checkSize } from "./digest.ts";
import { readContent } from "./image-content.ts";
import { type Descriptor, mediaTypes } from "./manifest.ts";
import type { ImageSource } from "./source.ts";

/** An image layout's own two documents, for one image under any number of names. */
export function layoutDocuments(root: Descriptor, names: readonly string[]): Readonly<Record<string, string>> {
  const { mediaType, digest, size } = root;
  const entry = { mediaType, digest, size };
  const named = names.map((name) => ({ ...entry, annotations: annotationsOf(name) }));
  const manifests = named.length > 0 ? named : [entry];
  return {
    "oci-layout": JSON.stringify({ imageLayoutVersion: "1.0.0" }),
    "index.json": JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }),
  };
}

/**
 * An image as an OCI archive, whatever it comes from, in a stream: nothing is kept on the disk. containerd takes the names, which may end in a digest.
 * https://github.com/opencontainers/image-spec/blob/main/image-layout.md
 */
export async function* imageArchive(source: ImageSource, names: readonly string[]): AsyncGenerator<Uint8Array> {
  const content = await readContent(source);
  for (const [path, text] of Object.entries(layoutDocuments(source.root, names)))
    yield* entryOf(path, [Buffer.from(text)]);
  for (const { descriptor, bytes } of content.manifests) yield* entryOf(pathOf(descriptor), [bytes]);
  for (const blob of content.blobs) {
    yield header(pathOf(blob), blob.size);
    yield* padded(blobBytes(source, blob), blob.size);
  }
  yield Buffer.alloc(1024);
}

async function* blobBytes(source: ImageSource, blob: Descriptor): AsyncGenerator<Uint8Array> {
  let sum = 0;
  for await (const chunk of (await source.open(blob)) as AsyncIterable<Uint8Array>) {
    sum += chunk.length;
    checkSize(blob, source.description, { sum, isAll: false });
    yield chunk;
  }
  checkSize(blob, source.description, { sum, isAll: true });
}

async function* entryOf(path: string, chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  const size = chunks.reduce((sum, { length }) => sum + length, 0);
  yield header(path, size);
  yield* padded(chunks, size);
}

async function* padded(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  yield* chunks;
  yield Buffer.alloc((512 - (size % 512)) % 512);
}

function header(path: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  new Header({ path, size, type: "File", mode: 0o644, uid: 0, gid: 0, mtime: new Date(0) }).encode(block);
  return block;
}

function pathOf({ digest }: Descriptor): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function annotationsOf(name: string): Readonly<Record<string, string>> {
  const tag = /:([^:/@]+)$/.exec(name)?.[1];
  const isTagged = tag !== undefined && !name.includes("@");
  return { "io.containerd.image.name": name, ...(isTagged ? { "org.opencontainers.image.ref.name": tag } : {}) };
}
