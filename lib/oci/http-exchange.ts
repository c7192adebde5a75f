import * as http from "node:http";
import type * as https from "node:https";
import type { Readable } from "node:stream";
import { DomainError } from "../error.ts";

/** How long one HTTP exchange may stand still, each in milliseconds. */
export interface ExchangeDeadlines {
  readonly connectMs: number;
  /** Without a byte in either direction while a body is sent or received. */
  readonly progressMs: number;
  /**
   * From the last byte of a request to the first of its answer, at the most: a registry may move gigabytes before it answers, so that
   * it gets `progressMs` and a second for each 5 MB.
   */
  readonly responseMs: number;
}

export interface Exchange {
  readonly url: URL;
  readonly method: string;
  readonly headers: http.OutgoingHttpHeaders;
  /** Of a stream each chunk has been sent when the next one is asked for. */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array> | undefined;
  /** Bytes that the server works on before it answers; default is the body's declared length. */
  readonly atMostBytes?: number | undefined;
  readonly agents: Agents;
  readonly deadlines: ExchangeDeadlines;
  readonly signal?: AbortSignal | undefined;
}

/** Keep-alive connections of one client. */
export interface Agents extends Disposable {
  readonly http: http.Agent;
  readonly https: https.Agent;
}

/** Nothing moved for longer than a deadline allows; the exchange may be tried again. */
export class StalledError extends Error {
  override readonly name = "StalledError";
}

/** Opens connections lazily; dispose it to close the idle ones. Proxies are those of `env`, unless the server is this machine. */
export function createAgents(options: { tlsVerify: boolean; proxyEnv: NodeJS.ProcessEnv | undefined }): Agents {
  const shared = {
    keepAlive: true,
    maxSockets: 32,
    scheduling: "lifo",
    ...(options.proxyEnv ? { proxyEnv: options.proxyEnv } : {}),
  } as const;
  const plain = new http.Agent(shared);
  let secure: https.Agent | undefined;
  return {
    http: plain,
    get https() {
      secure ??= new (tls().Agent)({ ...shared, rejectUnauthorized: options.tlsVerify });
      return secure;
    },
    [Symbol.dispose]: () => {
      plain.destroy();
      secure?.destroy();
    },
  };
}

/**
 * One request and the head of its answer; the answer's body is the caller's to read. Fails with the network's error,
 * StalledError, the body's DomainError, or the signal's reason.
 */
export async function exchange(options: Exchange): Promise<http.IncomingMessage> {
  options.signal?.throwIfAborted();
  const request = startRequest(options);
  const answered = new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    request.on("error", reject);
  });
  limitTime(request, options);
  const sent = sendBody(request, options.body);
  sent.catch(() => {});
  try {
    const response = await answered;
    // A registry may refuse before it has read the whole body: then its answer counts.
    if ((response.statusCode ?? 0) < 300) await sent;
    else response.once("end", () => endUnfinished(request));
    return response;
  } catch (error) {
    options.signal?.throwIfAborted();
    throw await causeOf(error, sent);
  }
}

/** Reads a body that must be small; throws when it is larger than `limit` bytes. */
export async function readBody(response: Readable, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new Error(`The answer is larger than ${limit} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

// A body that fails ends its request too, which then only says that the connection broke.
async function causeOf(error: unknown, sent: Promise<void>): Promise<unknown> {
  const failure = await sent.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return failure instanceof DomainError ? failure : error;
}

// Loaded for the first registry that speaks TLS, which one in the cluster does not: 10 ms of each start.
const tls = () => process.getBuiltinModule("node:https");

function startRequest({ url, method, headers, agents, signal }: Exchange): http.ClientRequest {
  const options = { method, headers, ...(signal ? { signal } : {}) };
  return url.protocol === "https:"
    ? tls().request(url, { ...options, agent: agents.https })
    : http.request(url, { ...options, agent: agents.http });
}

async function sendBody(request: http.ClientRequest, body: Exchange["body"]): Promise<void> {
  if (body === undefined || body instanceof Uint8Array) {
    request.end(body);
    return;
  }
  const closed = new Promise<never>((_resolve, reject) => {
    request.once("close", () => reject(new Error("The connection was closed.")));
  });
  closed.catch(() => {});
  try {
    for await (const chunk of body) await Promise.race([write(request, chunk), closed]);
    request.end();
  } catch (error) {
    request.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

async function write(request: http.ClientRequest, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    request.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

function endUnfinished(request: http.ClientRequest): void {
  if (!request.writableFinished) request.destroy();
}

function limitTime(request: http.ClientRequest, { deadlines, headers, atMostBytes }: Exchange): void {
  request.once("socket", (socket) => {
    if (!socket.connecting) return;
    const timer = setTimeout(
      () => request.destroy(new StalledError(`No connection within ${deadlines.connectMs / 1000} s.`)),
      deadlines.connectMs,
    );
    socket.once("connect", () => clearTimeout(timer));
    socket.once("close", () => clearTimeout(timer));
  });
  // While bytes wait to be written, node lets the first timeout pass when any of them moved before it: two of them are the deadline.
  const sendMs = deadlines.progressMs / 2;
  let current = sendMs;
  const limit = (durationMs: number) => {
    current = durationMs;
    request.setTimeout(durationMs);
  };
  let response: http.IncomingMessage | undefined;
  limit(sendMs);
  const bodyMs = Number(atMostBytes ?? headers["content-length"] ?? 0) / 5000;
  const responseMs = Math.min(deadlines.responseMs, deadlines.progressMs + bodyMs);
  request.once("finish", () => response ?? limit(responseMs));
  request.once("response", (received) => {
    response = received;
    limit(deadlines.progressMs);
  });
  request.on("timeout", () => (response ?? request).destroy(stalled(current)));
}

function stalled(deadlineMs: number): StalledError {
  return new StalledError(`Nothing moved for ${Math.round(deadlineMs / 1000)} s.`);
}
