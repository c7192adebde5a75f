import { DomainError } from "../error.ts";

/** The part of `meta/v1 Status` that tells what the API server refused, and why. */
export interface ApiStatus {
  readonly message?: string;
  readonly reason?: string;
  readonly code?: number;
  readonly details?: StatusDetails;
}

export interface StatusDetails {
  readonly name?: string;
  readonly kind?: string;
  readonly retryAfterSeconds?: number;
  readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
}

const hints: Readonly<Record<number, string>> = {
  401: "The API server does not know these credentials: renew the kubeconfig, or the token it names.",
  403: "Grant the account the right that is named, or free the quota that is named.",
};

/**
 * The API server answered, and its answer was no: 404, 403, 409, 410, 422 and so on. `code` is its reason in kebab-case
 * (`not-found`, `already-exists`); a connection that fails is a DomainError `api-unreachable` instead.
 */
export class KubernetesError extends DomainError {
  /** HTTP status. */
  readonly status: number;
  /** The API's own word: `NotFound`, `AlreadyExists`, `Expired`, `Invalid`; empty when the answer was not from the API server. */
  readonly reason: string;
  readonly details: StatusDetails;
  /** How long the server asked us to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(what: string, status: number, answer: ApiStatus, retryAfterMs?: number) {
    const hint = hints[status];
    super(
      codeOf(status, answer.reason),
      `${what}: ${status} ${answer.message ?? answer.reason ?? "without a reason"}`,
      {
        retryable: status === 429 || status >= 500,
        ...(hint === undefined ? {} : { hint }),
      },
    );
    this.status = status;
    this.reason = answer.reason ?? "";
    this.details = answer.details ?? {};
    this.retryAfterMs = retryAfterMs ?? secondsToMs(answer.details?.retryAfterSeconds);
  }
}

/** Whether an error is the API server's answer with this HTTP status. */
export function isStatus(error: unknown, status: number): error is KubernetesError {
  return error instanceof KubernetesError && error.status === status;
}

function codeOf(status: number, reason: string | undefined): string {
  if (!reason) return `http-${status}`;
  return reason.replaceAll(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();
}

function secondsToMs(seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : seconds * 1000;
}
