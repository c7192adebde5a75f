import { pipeline, type Readable } from "node:stream";
import { DomainError } from "../error.ts";
import { checkContent, checkSize } from "./digest.ts";
import { readBody } from "./http-exchange.ts";
import { RegistryStatusError, statusError } from "./registry-error.ts";
import type { RegistryResponse, RegistryTransport } from "./registry-transport.ts";

/** A blob on its way to a repository. */
export interface BlobUpload {
  readonly repository: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** Opens the content from its start; called again when the blob has to be sent again. */
  readonly open: () => Promise<Readable>;
  /** The same, faster where there is such a way: each chunk is valid until the next one is asked for. */
  readonly read?: (() => AsyncIterable<Uint8Array>) | undefined;
  /** Names where the content comes from, for the error when it is not what its digest says. */
  readonly origin: string;
  /** Bytes that the registry has or was handed so far; begins anew with each attempt. */
  readonly onProgress?: (sentBytes: number) => void;
}

/** One attempt among several: what an earlier one left in the registry is in `session`, and what this one leaves. */
export interface UploadAttempt {
  readonly scope: string;
  readonly session: { location?: URL | undefined };
  /** Told when not everything has to be sent again. */
  readonly onResume: (offset: number) => void;
}

/**
 * One upload session: POST for its address, one PUT with everything, because chunks would cost an fsync each. After a cut the rest follows by PATCH where
 * the registry kept the beginning; where it did not, this blob is sent again. The registry compares the digest, so that it is computed once.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-blobs
 */
export async function uploadBlob(
  transport: RegistryTransport,
  upload: BlobUpload,
  attempt: UploadAttempt,
): Promise<void> {
  const { session, scope } = attempt;
  const kept = session.location && (await findKept(transport, session.location, upload, scope));
  const location = kept?.location ?? (await begin(transport, upload, scope));
  session.location = location;
  try {
    if (kept) {
      attempt.onResume(kept.offset);
      session.location = await sendRest(transport, upload, kept, scope);
      await commit(transport, upload, { location: session.location, scope });
    } else {
      await commit(transport, upload, { location, scope, body: () => contentFrom(upload, 0) });
    }
  } catch (error) {
    // An answer ends a session: only one that broke off without a word may have been kept.
    if (error instanceof RegistryStatusError) session.location = undefined;
    if (error instanceof RegistryStatusError && error.detail.includes("DIGEST_INVALID")) await blame(upload);
    throw error;
  }
}

interface Kept {
  readonly location: URL;
  /** Bytes that need not be sent again. */
  readonly offset: number;
}

async function begin(transport: RegistryTransport, { repository }: BlobUpload, scope: string): Promise<URL> {
  const answer = await transport.send({
    method: "POST",
    target: `/v2/${repository}/blobs/uploads/`,
    scopes: [scope],
    expected: [202, 404],
    headers: { "content-length": 0 },
  });
  if (answer.status === 404) {
    const text = String(await readBody(answer.body, 1 << 20));
    throw text.includes("NAME_UNKNOWN")
      ? noRepository(answer.url.host, repository)
      : noUploads(answer.url.host, repository);
  }
  answer.body.resume();
  const location = locationOf(answer);
  if (!location) throw statusError(202, undefined, "it named no address for the upload");
  return location;
}

// Registries of the distribution project before 3.0 have lost the session by then and answer 404.
async function findKept(
  transport: RegistryTransport,
  session: URL,
  { size }: BlobUpload,
  scope: string,
): Promise<Kept | undefined> {
  const answer = await transport.send({
    method: "GET",
    target: session,
    scopes: [scope],
    expected: [200, 204, 400, 404, 405, 410, 416],
  });
  answer.body.resume();
  const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(String(answer.headers.range ?? "")) ?? [];
  const offset = Number(last ?? 0) + 1;
  // 0-0 is said of an empty upload as well as of one byte.
  if (answer.status >= 300 || offset <= 1 || offset > size) return undefined;
  return { location: locationOf(answer) ?? session, offset };
}

async function sendRest(
  transport: RegistryTransport,
  upload: BlobUpload,
  { location, offset }: Kept,
  scope: string,
): Promise<URL> {
  const { size } = upload;
  if (offset === size) return location;
  const answer = await transport.send({
    method: "PATCH",
    target: location,
    scopes: [scope],
    expected: [202],
    headers: {
      "content-type": "application/octet-stream",
      "content-length": size - offset,
      "content-range": `${offset}-${size - 1}`,
    },
    body: () => contentFrom(upload, offset),
  });
  answer.body.resume();
  return locationOf(answer) ?? location;
}

async function commit(
  transport: RegistryTransport,
  { digest, size }: BlobUpload,
  { location, scope, body }: { location: URL; scope: string; body?: () => AsyncIterable<Uint8Array> },
): Promise<void> {
  const target = new URL(location);
  target.searchParams.set("digest", digest);
  const answer = await transport.send({
    method: "PUT",
    target,
    scopes: [scope],
    expected: [201, 204, 404],
    headers: { "content-type": "application/octet-stream", "content-length": body ? size : 0 },
    ...(body ? { body } : {}),
  });
  answer.body.resume();
  // As transient as a 503: the next attempt begins with a session of its own.
  if (answer.status === 404) throw statusError(503, undefined, "it knows nothing of the upload any more");
}

function locationOf({ headers, url }: RegistryResponse): URL | undefined {
  return headers.location === undefined ? undefined : new URL(headers.location, url);
}

async function* contentFrom(upload: BlobUpload, offset: number): AsyncGenerator<Uint8Array> {
  const { origin, onProgress, read } = upload;
  onProgress?.(offset);
  let sum = 0;
  for await (const chunk of read ? read() : ((await upload.open()) as AsyncIterable<Uint8Array>)) {
    const skipped = Math.min(chunk.length, Math.max(0, offset - sum));
    sum += chunk.length;
    checkSize(upload, origin, { sum, isAll: false });
    if (skipped < chunk.length) yield skipped === 0 ? chunk : chunk.subarray(skipped);
    onProgress?.(Math.max(offset, sum));
  }
  checkSize(upload, origin, { sum, isAll: true });
}

/** Either the source is not what its digest says, or its bytes were damaged on their way, and then another attempt helps. */
async function blame(upload: BlobUpload): Promise<never> {
  const content = pipeline(await upload.open(), checkContent(upload, upload.origin), () => {});
  for await (const _chunk of content) {
    // The stream itself fails when size or digest are not as they should be.
  }
  throw statusError(503, undefined, "the content was damaged on its way");
}

function noRepository(registry: string, repository: string): DomainError {
  return new DomainError(
    "repository-absent",
    `Registry ${registry} has no repository ${repository}, and makes none by a push.`,
    {
      hint: "Create it there first. In ECR we do, with the keys or the role of AWS's environment variables.",
    },
  );
}

function noUploads(registry: string, repository: string): DomainError {
  return new DomainError("registry-absent", `${registry} takes no uploads for ${repository} (HTTP 404).`, {
    hint: "Check the input registry: something else than a registry may listen there. Some registries want a repository or project to be created first.",
  });
}
