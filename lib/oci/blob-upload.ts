import { pipeline, type Readable } from "node:stream";
import { DomainError } from "../error.ts";
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
    expected: [202, 404],
    headers: { "content-length": 0 },
  });
  session.body.resume();
  if (session.status === 404) throw noUploads(session.url.host, upload.repository);
  const { location } = session.headers;
  if (location === undefined) throw statusError(202, undefined, "it named no address for the upload");
  const target = new URL(location, session.url);
  target.searchParams.set("digest", upload.digest);
  // Opened before the request so that a source that is gone fails as itself, not as a broken connection.
  let content: Readable | undefined = await upload.open();
  const body = () => {
    const source = content;
    content = undefined;
    if (!source) throw sessionLost("it asked for the blob a second time");
    return checked(source, upload);
  };
  const committed = await transport.send({
    method: "PUT",
    target,
    scopes: [scope],
    expected: [201, 204, 404],
    headers: { "content-type": "application/octet-stream", "content-length": upload.size },
    body,
  });
  committed.body.resume();
  if (committed.status === 404) throw sessionLost("it knows nothing of the upload any more");
}

// As transient as a 503: the next attempt begins with a session of its own.
function sessionLost(why: string): Error {
  return statusError(503, undefined, why);
}

function noUploads(registry: string, repository: string): DomainError {
  return new DomainError("registry-absent", `${registry} takes no uploads for ${repository} (HTTP 404).`, {
    hint: "Check the input registry: something else than a registry may listen there. Some registries want a repository or project to be created first.",
  });
}

function checked(source: Readable, upload: BlobUpload): Readable {
  let sentBytes = 0;
  const count = (bytes: number) => {
    sentBytes += bytes;
    upload.onProgress?.(sentBytes);
  };
  return pipeline(source, checkContent(upload, upload.origin, count), () => {});
}
