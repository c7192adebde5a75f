import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import { WebSocket } from "ws";
import { DomainError } from "../error.ts";
import type { ApiRequest, Authorization } from "./api-request.ts";
import { type ApiStatus, KubernetesError } from "./kubernetes-error.ts";

export interface ExchangeOptions {
  readonly server: string;
  readonly request: ApiRequest;
  readonly authorization: Authorization;
  /** Ends the answer too. */
  readonly signal: AbortSignal;
}

/** Half-open connections are known after this plus ten probes, one a second (libuv's own): 25 s. */
const keepAliveMs = 15_000;

/** Sends one request once and gives the answer when it begins. Throws KubernetesError for 4xx and 5xx, DomainError `api-unreachable` for a connection that fails. */
export async function exchange({ server, request, authorization, signal }: ExchangeOptions): Promise<IncomingMessage> {
  signal.throwIfAborted();
  const body = request.body === undefined ? undefined : JSON.stringify(request.body);
  const url = urlOf(server, request);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = (url.protocol === "http:" ? http : https).request(url, {
      method: request.method,
      agent: authorization.agent,
      headers: {
        ...bodyHeaders(request, body),
        Accept: "application/json",
        "User-Agent": "gpu-ci",
        ...authorization.headers,
      },
      signal,
      ...authorization.tls,
    });
    outgoing.once("socket", (socket) => socket.setKeepAlive(true, keepAliveMs));
    outgoing.once("response", resolve);
    // A connection may break after the answer: the answer's own error tells of it then.
    outgoing.on("error", (error) => reject(connectionError(server, error, signal)));
    outgoing.end(body);
  });
  if ((response.statusCode ?? 500) >= 400) throw await refusal(server, request, response, signal);
  return response;
}

/** Reads an answer to its end; an answer cut short throws DomainError `api-unreachable`. */
export async function readText(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk);
  } catch (error) {
    throw connectionError("", error, signal);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Opens a WebSocket and holds it (`resume` when you listen); the error of a refused one holds the server's words, which `ws` alone would lose. */
export async function openSocket(
  { server, request, authorization, signal }: ExchangeOptions,
  protocols: readonly string[],
): Promise<WebSocket> {
  signal.throwIfAborted();
  const url = urlOf(server, request);
  url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
  const socket = new WebSocket(url, [...protocols], {
    headers: { "User-Agent": "gpu-ci", ...authorization.headers },
    agent: authorization.agent,
    perMessageDeflate: false,
    ...authorization.tls,
  });
  const abort = () => socket.terminate();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await new Promise<WebSocket>((resolve, reject) => {
      socket.once("upgrade", (response) => response.socket.setKeepAlive(true, keepAliveMs));
      socket.once("open", () => {
        // Held until the caller listens: frames that come before would be lost.
        socket.pause();
        resolve(socket);
      });
      socket.once("unexpected-response", (_outgoing, response) => {
        refusal(server, request, response, signal).then(reject, reject);
      });
      socket.on("error", (error) => reject(connectionError(server, error, signal)));
    });
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** The error of a connection that failed or broke: the signal's reason when we broke it. */
export function connectionError(server: string, error: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (/CERT|ALTNAME|SIGNATURE/.test(code)) {
    return new DomainError("api-untrusted", `The certificate of the API server ${server} is not trusted (${code}).`, {
      cause: error,
      hint: "Check certificate-authority-data and server in the kubeconfig.",
    });
  }
  return new DomainError("api-unreachable", `The API server ${server} cannot be reached${code ? ` (${code})` : ""}.`, {
    cause: error,
    retryable: true,
    hint: "Check that the server runs, and that this machine may reach the address in the kubeconfig.",
  });
}

/** The error that a refusing answer tells. */
export async function refusal(
  server: string,
  request: ApiRequest,
  response: IncomingMessage,
  signal: AbortSignal,
): Promise<unknown> {
  const status = response.statusCode ?? 500;
  const text = await readText(response, signal).catch((error: unknown) => error);
  if (typeof text !== "string") return signal.aborted ? signal.reason : connectionError(server, text, signal);
  const seconds = Number(response.headers["retry-after"]);
  const retryAfterMs = response.headers["retry-after"] !== undefined && seconds >= 0 ? seconds * 1000 : undefined;
  return new KubernetesError(`${request.method} ${request.path}`, status, parseStatus(text), retryAfterMs);
}

/** The API answers with a Status; a proxy in between, or the kubelet, with plain text. */
function parseStatus(text: string): ApiStatus {
  try {
    const status: ApiStatus & { kind?: string } = JSON.parse(text);
    if (status.kind === "Status") return status;
  } catch {
    // Not JSON: the text itself is the message.
  }
  return { message: text.trim().slice(0, 1000) };
}

/** Where a request goes. */
export function urlOf(server: string, request: ApiRequest): URL {
  // The server's URL may have a path of its own (Rancher and others).
  const url = new URL(server.replace(/\/$/, "") + request.path);
  for (const [key, value] of Object.entries(request.query ?? {})) {
    for (const item of Array.isArray(value) ? value : [value]) {
      if (item !== undefined) url.searchParams.append(key, String(item));
    }
  }
  return url;
}

function bodyHeaders(request: ApiRequest, body: string | undefined): Record<string, string> {
  if (body === undefined) return {};
  return {
    "Content-Type": request.contentType ?? "application/json",
    "Content-Length": String(Buffer.byteLength(body)),
  };
}
