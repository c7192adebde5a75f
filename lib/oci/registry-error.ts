import { DomainError } from "../error.ts";
import { StalledError } from "./http-exchange.ts";

/** A registry answered with a status that the request does not allow for. Never leaves lib/oci: see toDomainError. */
export class RegistryStatusError extends Error {
  override readonly name = "RegistryStatusError";
  readonly status: number;
  readonly detail: string;
  /** From the Retry-After header. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, detail: string, retryAfterMs: number | undefined) {
    super(`HTTP ${status}${detail ? `: ${detail}` : ""}`);
    this.status = status;
    this.detail = detail;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Makes the error of an answer from its status, head and body; `errors[]` is the distribution specification's. */
export function statusError(status: number, retryAfter: string | undefined, body: string): RegistryStatusError {
  return new RegistryStatusError(status, summarise(body), retryAfterMs(retryAfter));
}

/** Whether the same request may succeed in a moment. */
export function isTransient(error: unknown): boolean {
  if (error instanceof StalledError) return true;
  if (error instanceof RegistryStatusError) return isTransientStatus(error);
  return error instanceof Error && transientCodes.has(codeOf(error));
}

/** Tells the failures of a registry apart for a reader; an error that is none of them is given back as it is. */
export function toDomainError(error: unknown, doing: string, registry: string): unknown {
  if (error instanceof RegistryStatusError) return ofStatus(error, doing, registry);
  if (error instanceof StalledError) return unreachable(error, doing, registry);
  if (!(error instanceof Error) || error instanceof DomainError) return error;
  const code = codeOf(error);
  if (plainHttpCodes.has(code)) {
    return new DomainError("registry-plain-http", `Registry ${registry} speaks plain HTTP where HTTPS is expected.`, {
      hint: `Set tls-verify to false when ${registry} is meant to have no TLS; plain HTTP is used without it for localhost and Services of the cluster only.`,
      cause: error,
    });
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO|ALTNAME/.test(code)) {
    return new DomainError(
      "registry-certificate",
      `The certificate of registry ${registry} is not trusted (${code}).`,
      {
        hint: "Name its authority in NODE_EXTRA_CA_CERTS, or set tls-verify to false on a network you trust.",
        cause: error,
      },
    );
  }
  if (transientCodes.has(code) || code === "ENOTFOUND" || code.startsWith("HPE_"))
    return unreachable(error, doing, registry);
  return error;
}

/** Whether this failure of TLS is what a server of plain HTTP causes. */
export function isPlainHttpAnswer(error: unknown): boolean {
  return error instanceof Error && plainHttpCodes.has(codeOf(error));
}

/** What went wrong in a few words; node leaves the message of some network errors empty. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message || codeOf(error) || error.name;
}

const plainHttpCodes: ReadonlySet<string> = new Set([
  "ERR_SSL_WRONG_VERSION_NUMBER",
  "ERR_SSL_PACKET_LENGTH_TOO_LONG",
  "EPROTO",
]);
const transientCodes: ReadonlySet<string> = new Set([
  "ECONNRESET",
  "ECONNREFUSED",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EAI_AGAIN",
  "ERR_STREAM_PREMATURE_CLOSE",
]);

function ofStatus(error: RegistryStatusError, doing: string, registry: string): DomainError {
  const { status } = error;
  if (status === 401 || status === 403) {
    return new DomainError("registry-unauthorized", `Registry ${registry} refused to ${doing} (${error.message}).`, {
      hint: "Give username and password, or log in with docker or podman; some registries answer so for a repository that does not exist.",
      cause: error,
    });
  }
  if (isFull(error)) {
    return new DomainError(
      "registry-full",
      `Registry ${registry} is full: it could not ${doing} (no space left on device).`,
      {
        hint: "Delete images and collect garbage there, or give the registry a larger volume.",
        cause: error,
      },
    );
  }
  if (/\bMANIFEST_BLOB_UNKNOWN\b/.test(error.detail)) {
    return new DomainError(
      "registry-blob-unknown",
      `Registry ${registry} could not ${doing}: a blob that it names is not there any more.`,
      {
        hint: "Garbage was collected there during the push: push again when it has ended.",
        retryable: true,
        cause: error,
      },
    );
  }
  if (isTransientStatus(error)) {
    return new DomainError("registry-unavailable", `Registry ${registry} could not ${doing} (${error.message}).`, {
      retryable: true,
      cause: error,
    });
  }
  return new DomainError("registry-refused", `Registry ${registry} refused to ${doing} (${error.message}).`, {
    cause: error,
  });
}

function unreachable(error: Error, doing: string, registry: string): DomainError {
  return new DomainError(
    "registry-unreachable",
    `Registry ${registry} cannot be reached to ${doing}: ${reasonOf(error)}`,
    {
      hint: `Check that a registry listens on ${registry} and that this machine may connect to it.`,
      retryable: true,
      cause: error,
    },
  );
}

function isTransientStatus(error: RegistryStatusError): boolean {
  return [408, 425, 429].includes(error.status) || (error.status >= 500 && error.status !== 501 && !isFull(error));
}

// Distribution's file system driver answers 500 with the errno (28 is ENOSPC) inside the detail.
function isFull(error: RegistryStatusError): boolean {
  return error.status === 507 || (error.status >= 500 && /no space left|"Err":28\b|disk quota/i.test(error.detail));
}

function codeOf(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  if (code !== undefined) return code;
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0]);
  return error.cause instanceof Error ? codeOf(error.cause) : "";
}

function retryAfterMs(header: string | undefined): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function summarise(body: string): string {
  const text = body.trim();
  if (text === "" || text.startsWith("<")) return "";
  try {
    const { errors } = JSON.parse(text) as { errors?: { code?: string; message?: string; detail?: unknown }[] };
    const [first] = errors ?? [];
    if (!first) return text.slice(0, 500);
    const detail = first.detail === undefined || first.detail === null ? "" : ` ${JSON.stringify(first.detail)}`;
    return `${first.code ?? ""} ${first.message ?? ""}${detail}`.trim().slice(0, 500);
  } catch {
    return text.slice(0, 500);
  }
}
