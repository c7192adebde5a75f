import { pipeline, type Readable } from "node:stream";
import { checkContent } from "./digest.ts";
import { statusError } from "./registry-error.ts";
import type { RegistryTransport } from "./registry-transport.ts";

/** A blob on its way to a repository. */
export interface BlobUpload {
  readonly repository: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** Opens the content from its start; called again when the blob has to be sent again. */
  readonly open: () => Promise<Readable>;
  /** Names where the content comes from, for the error when it is not what its digest says. */
  readonly origin: string;
  /** Bytes of this attempt handed over so far; begins at 0 again with each attempt. */
  readonly onProgress?: (sentBytes: number) => void;
}

/**
 * One upload session: POST for its address, one PUT with everything. Chunks would cost an fsync each.
 * https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put
 */
export async function uploadBlob(transport: RegistryTransport, upload: BlobUpload, scope: string): Promise<void> {
  upload.onProgress?.(0);
  const session = await transport.send({
    method: "POST",
    target: `/v2/${upload.repository}/blobs/uploads/`,
    scopes: [scope],
    expected: [202],
    headers: { "content-length": 0 },
  });
  session.body.resume();
  const { location } = session.headers;
  if (location === undefined) throw statusError(202, undefined, "it named no address for the upload");
  const target = new URL(location, session.url);
  target.searchParams.set("digest", upload.digest);
  // Opened before the request so that a source that is gone fails as itself, not as a broken connection.
  let content: Readable | undefined = await upload.open();
  const committed = await transport.send({
    method: "PUT",
    target,
    scopes: [scope],
    expected: [201, 204],
    headers: { "content-type": "application/octet-stream", "content-length": upload.size },
    body: () => {
      const source = content;
      content = undefined;
      if (!source) throw statusError(503, undefined, "it asked for the blob a second time");
      return checked(source, upload);
    },
  });
  committed.body.resume();
}

function checked(source: Readable, upload: BlobUpload): Readable {
  let sentBytes = 0;
  const count = (bytes: number) => {
    sentBytes += bytes;
    upload.onProgress?.(sentBytes);
  };
  return pipeline(source, checkContent(upload, upload.origin, count), () => {});
}
