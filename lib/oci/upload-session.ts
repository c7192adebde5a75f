import { DomainError } from "../error.ts";
import { readBody } from "./http-exchange.ts";
import { statusError } from "./registry-error.ts";
import type { RegistryResponse, RegistryTransport } from "./registry-transport.ts";

/** An upload that a registry keeps open, as far as it has it. */
export interface KeptUpload {
  readonly location: URL;
  /** Bytes that need not be sent again. */
  readonly offset: number;
}

/** What the requests of one upload have in common. */
export interface UploadPlace {
  readonly transport: RegistryTransport;
  readonly repository: string;
  readonly scope: string;
}

/** Begins an upload and gives its address. Throws DomainError `repository-absent` or `registry-absent`. */
export async function beginUpload({ transport, repository, scope }: UploadPlace): Promise<URL> {
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

/** How much of an upload the registry kept; undefined when it kept none. `size` is the whole blob's, where that is known. */
export async function findKeptUpload(
  { transport, scope }: UploadPlace,
  location: URL,
  size = Number.MAX_SAFE_INTEGER,
): Promise<KeptUpload | undefined> {
  // Registries of the distribution project before 3.0 have lost a session whose connection broke, and answer 404.
  const answer = await transport.send({
    method: "GET",
    target: location,
    scopes: [scope],
    expected: [200, 204, 400, 404, 405, 410, 416],
  });
  answer.body.resume();
  const [, last] = /^(?:bytes=)?0-(\d+)$/.exec(String(answer.headers.range ?? "")) ?? [];
  const offset = Number(last ?? 0) + 1;
  // 0-0 is said of an empty upload as well as of one byte.
  if (answer.status >= 300 || offset <= 1 || offset > size) return undefined;
  return { location: locationOf(answer) ?? location, offset };
}

/** The content of a PATCH. */
export interface UploadPart {
  readonly body: () => AsyncIterable<Uint8Array>;
  /** First and last byte of the blob that it holds; undefined where only its end tells, and then it is sent in chunks of HTTP's. */
  readonly range?: { readonly first: number; readonly last: number };
  /** No less than it has, where `range` does not tell: the registry gets time for that many. */
  readonly atMostBytes?: number;
}

/** Adds a part to an upload and gives the address for what follows. */
export async function patchUpload(place: UploadPlace, location: URL, part: UploadPart): Promise<URL> {
  const { range, body, atMostBytes } = part;
  const length = range ? { "content-length": range.last - range.first + 1 } : {};
  const answer = await place.transport.send({
    method: "PATCH",
    target: location,
    scopes: [place.scope],
    expected: [202],
    headers: {
      "content-type": "application/octet-stream",
      ...length,
      ...(range ? { "content-range": `${range.first}-${range.last}` } : {}),
    },
    body,
    ...(atMostBytes === undefined ? {} : { atMostBytes }),
  });
  answer.body.resume();
  return locationOf(answer) ?? location;
}

/** Closes an upload under its digest; `body` is all of it, undefined when the registry has all of it. */
export async function commitUpload(
  { transport, scope }: UploadPlace,
  location: URL,
  blob: { readonly digest: string; readonly size: number; readonly body?: () => AsyncIterable<Uint8Array> },
): Promise<void> {
  const { digest, size, body } = blob;
  const target = new URL(location);
  target.searchParams.set("digest", digest);
  const answer = await transport.send({
    method: "PUT",
    target,
    scopes: [scope],
    expected: [201, 204, 404],
    headers: { "content-type": "application/octet-stream", "content-length": body ? size : 0 },
    atMostBytes: size,
    ...(body ? { body } : {}),
  });
  answer.body.resume();
  // As transient as a 503: the next attempt begins with a session of its own.
  if (answer.status === 404) throw statusError(503, undefined, "it knows nothing of the upload any more");
}

/** Gives an upload up, so that the registry drops what it has of it; one that cannot do that drops it in its own time. */
export async function cancelUpload({ transport, scope }: UploadPlace, location: URL): Promise<void> {
  const expected = [200, 202, 204, 400, 401, 403, 404, 405];
  const answer = await transport.send({ method: "DELETE", target: location, scopes: [scope], expected });
  answer.body.resume();
}

function locationOf({ headers, url }: RegistryResponse): URL | undefined {
  return headers.location === undefined ? undefined : new URL(headers.location, url);
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
