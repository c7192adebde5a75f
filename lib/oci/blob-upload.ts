import { pipeline, type Readable } from "node:stream";
import { checkContent, checkSize } from "./digest.ts";
import { RegistryStatusError, statusError } from "./registry-error.ts";
import type { RegistryTransport } from "./registry-transport.ts";
import {
  beginUpload,
  commitUpload,
  findKeptUpload,
  type KeptUpload,
  patchUpload,
  type UploadPlace,
} from "./upload-session.ts";

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
  /** The address of an upload of this content that was begun already. */
  readonly begun?: URL | undefined;
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
  const { repository, digest, size } = upload;
  const place = { transport, repository, scope };
  const kept = session.location && (await findKeptUpload(place, session.location, size));
  const location = kept?.location ?? (await beginUpload(place));
  session.location = location;
  try {
    if (kept) {
      attempt.onResume(kept.offset);
      session.location = await sendRest(place, upload, kept);
      await commitUpload(place, session.location, { digest, size });
    } else {
      await commitUpload(place, location, { digest, size, body: () => contentFrom(upload, 0) });
    }
  } catch (error) {
    // An answer ends a session: only one that broke off without a word may have been kept.
    if (error instanceof RegistryStatusError) session.location = undefined;
    if (error instanceof RegistryStatusError && error.detail.includes("DIGEST_INVALID")) await blame(upload);
    throw error;
  }
}

async function sendRest(place: UploadPlace, upload: BlobUpload, { location, offset }: KeptUpload): Promise<URL> {
  const { size } = upload;
  if (offset === size) return location;
  const range = { first: offset, last: size - 1 };
  return patchUpload(place, location, { range, body: () => contentFrom(upload, offset) });
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
