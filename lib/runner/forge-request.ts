import { DomainError } from "../error.ts";

/** One call of a forge. */
export interface ForgeRequest {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal: AbortSignal;
  /** Statuses of 400 and above that are an answer to the caller, not an error. */
  readonly accept?: readonly number[];
}

/** What the forge answered: `data` is undefined where there was no JSON. */
export interface ForgeAnswer {
  readonly status: number;
  readonly data: unknown;
}

const timeoutMs = 30_000;

const hints: Readonly<Record<number, string>> = {
  401: "The forge does not know the token: put a valid one into the Secret that the controller reads.",
  403: "The token may not administer runners of this scope: give it that right, or use another one.",
  404: "Check the scope; a forge also answers 404 where the token may not see it.",
};

/**
 * Sends one request, once: the controller looks again soon. Throws DomainError `forge-unreachable`, `forge-refused`, or the signal's
 * reason; neither names a token.
 */
export async function forgeRequest(request: ForgeRequest): Promise<ForgeAnswer> {
  const { method, url, headers, body, signal, accept = [] } = request;
  const what = `${method} ${url}`;
  try {
    const response = await fetch(url, {
      method,
      headers: { accept: "application/json", "content-type": "application/json", "user-agent": "gpu-ci", ...headers },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const data = readJson(await response.text());
    if (response.ok || accept.includes(response.status)) return { status: response.status, data };
    throw refused(what, response.status, data);
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof DomainError) throw cause;
    throw new DomainError("forge-unreachable", `${what} got no answer.`, { cause: rootCause(cause), retryable: true });
  }
}

function refused(what: string, status: number, data: unknown): DomainError {
  const message: unknown = Object(data).message;
  const said = typeof message === "string" && message !== "" ? `: ${message}` : "";
  const hint = hints[status];
  return new DomainError("forge-refused", `${what} was answered with ${status}${said}.`, {
    retryable: status === 429 || status >= 500,
    ...(hint === undefined ? {} : { hint }),
  });
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** fetch says only "fetch failed"; why stands below it. */
function rootCause(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}
