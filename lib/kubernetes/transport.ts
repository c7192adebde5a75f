import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import { deadline, sleep } from "../abort.ts";
import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import type { ApiRequest, Authorization } from "./api-request.ts";
import { openByteStream } from "./byte-stream.ts";
import { exchange, openSocket, readText } from "./exchange.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { createOutage, type Outage } from "./outage.ts";

/** Authenticated calls to one API server. */
export interface Transport {
  /** URL of the API server. */
  readonly server: string;
  readonly log: Log;
  readonly outage: Outage;
  /** How long a watch or a log follow goes on trying while the API server is away. */
  readonly awayBudgetMs: number;
  /** One call and its JSON answer. Throws KubernetesError, or DomainError `api-unreachable` when no answer came in time. */
  request<T>(request: ApiRequest): Promise<T>;
  /**
   * One attempt of a call whose answer is read as a stream, which ends with the signal; `timeoutMs` (default 15 s) is for the answer to begin.
   * Throws KubernetesError, or DomainError `api-unreachable`.
   */
  stream(request: ApiRequest): Promise<IncomingMessage>;
  /**
   * One attempt of a GET whose answer is many bytes and nothing else, over an upgraded connection of its own; each chunk is overwritten when the
   * next one is asked for. Throws as `stream`; a connection that ends too early may look like the end of the bytes.
   */
  download(request: ApiRequest, protocol: string): Promise<AsyncIterable<Uint8Array>>;
  /** Opens a WebSocket that speaks one of the protocols, in one attempt. Throws as `stream`. */
  upgrade(request: ApiRequest, protocols: readonly string[]): Promise<WebSocket>;
  /** Closes idle connections. */
  close(): void;
}

export interface TransportOptions {
  readonly server: string;
  readonly log: Log;
  readonly awayBudgetMs: number;
  /** `refresh` reads tokens and certificates anew. */
  readonly authorize: (refresh: boolean) => Promise<Authorization>;
  readonly close: () => void;
}

/** Makes the calls; every one has a deadline, and credentials are renewed once when the server answers 401. */
export function createTransport({ server, log, awayBudgetMs, authorize, close }: TransportOptions): Transport {
  const outage = createOutage(log);
  const authorized = async <T>(signal: AbortSignal, call: (authorization: Authorization) => Promise<T>): Promise<T> => {
    try {
      return await call(await withSignal(authorize(false), signal));
    } catch (error) {
      if (!(error instanceof KubernetesError && error.status === 401)) throw error;
      return await call(await withSignal(authorize(true), signal));
    }
  };
  const open = (request: ApiRequest, signal: AbortSignal) =>
    authorized(signal, (authorization) => exchange({ server, request, authorization, signal }));
  return {
    server,
    log,
    outage,
    awayBudgetMs,
    close,
    request: (request) =>
      withRetries(server, request, async (signal) => parseJson(await readText(await open(request, signal), signal))),
    stream: (request) => openInTime(server, request, (signal) => open(request, signal)),
    download: (request, protocol) =>
      openInTime(server, request, (signal) =>
        authorized(signal, (authorization) =>
          openByteStream({ server, request, authorization, signal, protocol, idleMs: downloadIdleMs }),
        ),
      ),
    upgrade: (request, protocols) =>
      openInTime(server, request, (signal) =>
        authorized(signal, (authorization) => openSocket({ server, request, authorization, signal }, protocols)),
      ),
  };
}

const attemptMs = 30_000;
const downloadIdleMs = 60_000;

async function withRetries<T>(
  server: string,
  request: ApiRequest,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const timeoutMs = request.timeoutMs ?? 60_000;
  const what = `${request.method} ${request.path}`;
  const endMs = performance.now() + timeoutMs;
  for (let attempt = 1; ; attempt++) {
    using attemptDeadline = deadline(
      `${what} on ${server}`,
      Math.max(1, Math.min(attemptMs, endMs - performance.now())),
      request.signal,
    );
    try {
      return await call(attemptDeadline.signal);
    } catch (error) {
      request.signal?.throwIfAborted();
      const failure = attemptDeadline.signal.aborted ? unanswered(server, attemptDeadline.signal.reason) : error;
      const delayMs = retryDelayMs(failure, request, attempt);
      if (delayMs === undefined || performance.now() + delayMs >= endMs) throw failure;
      await sleep(delayMs, request.signal);
      request.onResend?.(failure);
    }
  }
}

/** The signal governs the whole stream, but the time limit only its opening. */
async function openInTime<T>(
  server: string,
  request: ApiRequest,
  open: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const opening = new AbortController();
  const timeoutMs = request.timeoutMs ?? 15_000;
  const expire = () =>
    opening.abort(
      new DomainError(
        "deadline-exceeded",
        `${request.method} ${request.path} had no answer within ${timeoutMs / 1000} s.`,
      ),
    );
  const timer = setTimeout(expire, timeoutMs);
  const signal = request.signal ? AbortSignal.any([request.signal, opening.signal]) : opening.signal;
  try {
    return await open(signal);
  } catch (error) {
    request.signal?.throwIfAborted();
    throw opening.signal.aborted ? unanswered(server, opening.signal.reason) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Undefined when another attempt cannot help, or might do the work twice. */
function retryDelayMs(error: unknown, request: ApiRequest, attempt: number): number | undefined {
  const backoffMs = Math.min(5000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2);
  const isIdempotent = request.idempotent ?? request.method !== "POST";
  if (error instanceof KubernetesError) {
    // A server that names a time did not begin the work: https://github.com/kubernetes/client-go/blob/master/rest/with_retry.go
    if (error.retryAfterMs !== undefined && error.retryable) return Math.max(error.retryAfterMs, 50);
    return error.status === 429 || (error.retryable && isIdempotent) ? backoffMs : undefined;
  }
  if (!(error instanceof DomainError) || error.code !== "api-unreachable") return undefined;
  return isIdempotent || wasNeverSent(error) ? backoffMs : undefined;
}

function wasNeverSent({ cause }: DomainError): boolean {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  return ["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"].includes(String(code));
}

function unanswered(server: string, cause: unknown): DomainError {
  return new DomainError("api-unreachable", `The API server ${server} does not answer.`, { cause, retryable: true });
}

/** An exec plugin or an identity provider may hang: the call's deadline holds for them too. */
async function withSignal<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.throwIfAborted();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function parseJson<T>(text: string): T {
  return JSON.parse(text);
}
