import { createHash } from "node:crypto";
import type { RegistryClient } from "./registry-client.ts";
import { RegistryStatusError, statusError } from "./registry-error.ts";
import { pushScope } from "./registry-scope.ts";
import {
  beginUpload,
  cancelUpload,
  commitUpload,
  findKeptUpload,
  patchUpload,
  type UploadPlace,
} from "./upload-session.ts";

/** Content whose digest and size only its end tells. */
export interface StreamUpload {
  readonly repository: string;
  /** For messages, for instance `layer sha256:…, compressed`. */
  readonly name: string;
  /** Opens the content from its start, the same bytes each time; called again when it has to be sent again. */
  readonly open: () => Promise<AsyncIterable<Uint8Array>>;
  /** Its size is no more than that. */
  readonly atMostBytes: number;
}

/** What was stored. */
export interface StoredContent {
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

/**
 * Stores a blob while it is made: POST, one PATCH without a declared length as docker's push has it, PUT with the digest. After a cut it goes on where the registry
 * has it, else begins anew. Throws the DomainErrors of RegistryClient.
 */
export async function putStream(client: RegistryClient, upload: StreamUpload): Promise<StoredContent> {
  const { repository, name } = upload;
  const state: UploadState = { location: undefined, sent: undefined };
  return client.attempt(`store ${name} in ${repository}`, async (transport) => {
    const { sent } = state;
    if (sent && (await client.headBlob(repository, sent.digest))?.size === sent.size) return sent;
    return uploadStream({ transport, repository, scope: pushScope(repository) }, upload, state);
  });
}

/** What one attempt leaves for the next. */
interface UploadState {
  /** Of the session, as long as the registry may have kept it. */
  location: URL | undefined;
  /** Known once the content was read to its end. */
  sent: StoredContent | undefined;
}

async function uploadStream(place: UploadPlace, upload: StreamUpload, state: UploadState): Promise<StoredContent> {
  const { atMostBytes } = upload;
  const kept = state.location && (await findKeptUpload(place, state.location, state.sent?.size));
  state.location = kept?.location ?? (await beginUpload(place));
  try {
    if (!state.sent || kept?.offset !== state.sent.size) {
      const body = () => describe(upload, kept?.offset ?? 0, state);
      state.location = await patchUpload(place, state.location, { body, atMostBytes });
    }
    if (!state.sent) throw new Error("The registry answered before it had the whole blob.");
    await commitUpload(place, state.location, state.sent);
    return state.sent;
  } catch (error) {
    if (!(error instanceof RegistryStatusError)) throw error;
    // An answer ends a session: only one that broke off without a word may have been kept.
    state.location = undefined;
    const isDamaged = error.detail.includes("DIGEST_INVALID");
    throw isDamaged ? statusError(503, undefined, "the content was damaged on its way") : error;
  }
}

async function* describe(upload: StreamUpload, offset: number, state: UploadState): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const chunk of await upload.open()) {
    const skipped = Math.min(chunk.length, Math.max(0, offset - size));
    hash.update(chunk);
    size += chunk.length;
    if (skipped < chunk.length) yield skipped === 0 ? chunk : chunk.subarray(skipped);
  }
  state.sent = { digest: `sha256:${hash.digest("hex")}`, size };
}

/** An upload that was begun to see how fast it goes. */
export interface BegunUpload {
  /** Where the rest may follow. */
  readonly location: URL;
  readonly bytesPerSecond: number;
  /** Gives it up instead. */
  readonly cancel: () => Promise<void>;
}

/** Sends the beginning of a blob for so long, or so much of it, and measures until the registry has it. */
export async function beginBlob(
  client: RegistryClient,
  { repository, open }: Pick<StreamUpload, "repository" | "open">,
  limits: { readonly durationMs: number; readonly bytes: number },
): Promise<BegunUpload> {
  return client.attempt(`take the beginning of a layer in ${repository}`, async (transport) => {
    const place = { transport, repository, scope: pushScope(repository) };
    const session = await beginUpload(place);
    const sent = { bytes: 0, startedAt: performance.now() };
    const body = () => beginning(open, limits, sent);
    const location = await patchUpload(place, session, { body, atMostBytes: limits.bytes });
    const seconds = (performance.now() - sent.startedAt) / 1000;
    // Where that fails, the registry drops it in its own time; a run that was cancelled ends at its next request.
    const cancel = () => cancelUpload(place, location).catch(() => {});
    return { location, bytesPerSecond: sent.bytes / seconds, cancel };
  });
}

async function* beginning(
  open: StreamUpload["open"],
  limits: { readonly durationMs: number; readonly bytes: number },
  sent: { bytes: number; startedAt: number },
): AsyncGenerator<Uint8Array> {
  Object.assign(sent, { bytes: 0, startedAt: performance.now() });
  for await (const chunk of await open()) {
    const part = chunk.subarray(0, limits.bytes - sent.bytes);
    yield part;
    sent.bytes += part.length;
    if (sent.bytes >= limits.bytes || performance.now() - sent.startedAt > limits.durationMs) break;
  }
}
