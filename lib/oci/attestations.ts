import { Readable } from "node:stream";
import type { Log } from "../log.ts";
import { digestOf } from "./digest.ts";
import { readBody } from "./http-exchange.ts";
import { type Descriptor, parseManifest, type StoredManifest } from "./manifest.ts";
import type { ImageSource } from "./source.ts";

/**
 * The same image without what BuildKit says about its build: an index of one platform becomes that platform's image. The digest is another one then; an image
 * without attestations stays as it is. https://github.com/moby/buildkit/blob/master/docs/attestations/attestation-storage.md
 */
export async function withoutAttestations(source: ImageSource, log: Log): Promise<ImageSource> {
  const bytes = await readBody(await source.open(source.root), 4 << 20);
  const document = parseManifest(bytes, source.description, source.root.mediaType);
  if (document.kind === "manifest") return source;
  const manifests = document.index.manifests.filter((child) => !isAttestation(child));
  const [only, ...others] = manifests;
  const dropped = document.index.manifests.length - manifests.length;
  if (dropped === 0 || only === undefined) return source;
  log.info(`${source.description}: ${dropped} attestations are left out (attestations: keep takes them along).`);
  if (others.length === 0) return { ...source, root: { ...only, annotations: source.root.annotations } };
  const text = Buffer.from(JSON.stringify({ ...document.index, manifests }));
  const root = { mediaType: document.mediaType, digest: digestOf(text), size: text.length };
  return {
    ...source,
    root,
    open: async (descriptor) => (descriptor.digest === root.digest ? Readable.from([text]) : source.open(descriptor)),
  };
}

/** Digests of the images that an attestation of the same index speaks of. */
export function attestedImages(
  source: Pick<ImageSource, "description">,
  manifests: readonly StoredManifest[],
): ReadonlySet<string> {
  const documents = manifests.map(({ bytes, descriptor }) =>
    parseManifest(bytes, source.description, descriptor.mediaType),
  );
  const children = documents.flatMap((document) => (document.kind === "index" ? document.index.manifests : []));
  const named = children.map(({ annotations }) => annotations?.["vnd.docker.reference.digest"]);
  return new Set(named.filter((digest) => digest !== undefined));
}

function isAttestation({ annotations, platform }: Descriptor): boolean {
  return (
    annotations?.["vnd.docker.reference.type"] === "attestation-manifest" ||
    (platform?.os === "unknown" && platform.architecture === "unknown")
  );
}
