import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { type ApiQuestion, parseQuestion } from "./api-question.ts";
import { type ChangedAnswer, relayChanged } from "./changed-answer.ts";

/** A request on its way through the proxy. */
export interface ProxiedRequest extends ApiQuestion {
  readonly headers: http.IncomingHttpHeaders;
  readonly query: URLSearchParams;
  /** By performance.now(). */
  readonly atMs: number;
}

/** What goes wrong with one request. */
export type ApiFault =
  /** Answered by the proxy, the API server never sees it. */
  | { readonly status: number; readonly reason: string; readonly headers?: Record<string, string> }
  /** The connection is reset before anything is sent. */
  | "reset"
  /** The API server does it; its answer is lost with the connection. */
  | "lose-answer"
  /** The answer breaks off after so many milliseconds: in order, or by a reset. */
  | { readonly endAfterMs: number; readonly isOrderly: boolean }
  | ChangedAnswer;

/** Asked for each request; `earlier` counts those of the same verb and resource before it. */
export type ApiFaults = (request: ProxiedRequest, earlier: number) => ApiFault | undefined;

export interface ApiProxyOptions {
  /** Where the API server is, the certificate that signed its own, and the client's where it has one. */
  readonly server: string;
  readonly tls: https.RequestOptions;
  /** The proxy's own; without one it speaks plain HTTP, to which kubectl gives no credentials. */
  readonly certificate?: { readonly key: string; readonly cert: string };
  readonly fault?: ApiFaults;
  /** Changes the path and query of a request. */
  readonly rewriteUrl?: (url: string) => string;
  /** Told of each answer's head. */
  readonly onAnswer?: (request: ApiQuestion, status: number) => void;
}

/** A proxy before an API server; it passes everything on, WebSockets too, until something is to go wrong. */
export interface ApiProxy extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly ProxiedRequest[];
  /** How many requests something went wrong with. */
  struck(): number;
  /** Resets the open connections of such requests; default is all. */
  cut(which?: (request: ApiQuestion) => boolean): void;
  /** Writes a line into the open answers of such requests and ends them in order. */
  endWith(line: string, which: (request: ApiQuestion) => boolean): void;
  /** While true, new connections are reset at once. */
  refuse(isRefusing: boolean): void;
}

interface Live {
  readonly request: ApiQuestion;
  readonly cut: () => void;
  readonly endWith?: (line: string) => void;
}

/** Starts it on a free loopback port. */
export async function startApiProxy(options: ApiProxyOptions): Promise<ApiProxy> {
  const requests: ProxiedRequest[] = [];
  const live = new Set<Live>();
  let struck = 0;
  const see = (incoming: http.IncomingMessage): [ProxiedRequest, ApiFault | undefined] => {
    const seen = seenOf(incoming);
    const earlier = requests.filter(({ verb, resource }) => verb === seen.verb && resource === seen.resource).length;
    requests.push(seen);
    const fault = options.fault?.(seen, earlier);
    if (fault !== undefined) struck++;
    return [seen, fault];
  };
  let isRefusing = false;
  const take: http.RequestListener = (incoming, reply) => {
    const [request, fault] = see(incoming);
    answer({ options, incoming, reply, request, fault, live, reset });
  };
  const { certificate } = options;
  const proxy = certificate ? https.createServer(certificate, take) : http.createServer(take);
  // What is under TLS: only that can be reset.
  const raw = new Map<number, Socket>();
  const reset = (socket: Socket) => {
    const under = raw.get(socket.remotePort ?? 0);
    if (under) under.resetAndDestroy();
    else socket.destroy();
  };
  proxy.on("connection", (socket) => {
    const port = socket.remotePort ?? 0;
    raw.set(port, socket);
    socket.once("close", () => raw.delete(port));
    if (isRefusing) socket.resetAndDestroy();
  });
  proxy.on("upgrade", (incoming: http.IncomingMessage, socket: Socket) => {
    const [request, fault] = see(incoming);
    if (fault === "reset") reset(socket);
    else tunnel(options, { incoming, socket, request, live, reset });
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const chosen = (which: (request: ApiQuestion) => boolean) => [...live].filter(({ request }) => which(request));
  return {
    url: `${certificate ? "https" : "http"}://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    requests,
    struck: () => struck,
    cut(which = () => true) {
      for (const { cut } of chosen(which)) cut();
    },
    endWith(line, which) {
      for (const { endWith } of chosen(which)) endWith?.(line);
    },
    refuse: (wanted) => {
      isRefusing = wanted;
      if (wanted) proxy.closeIdleConnections();
    },
    async [Symbol.asyncDispose]() {
      for (const { cut } of live) cut();
      proxy.closeAllConnections();
      proxy.close();
      await once(proxy, "close");
    },
  };
}

interface Exchange {
  readonly options: ApiProxyOptions;
  readonly incoming: http.IncomingMessage;
  readonly reply: http.ServerResponse;
  readonly request: ApiQuestion;
  readonly fault: ApiFault | undefined;
  readonly live: Set<Live>;
  readonly reset: (socket: Socket) => void;
}

function answer({ options, incoming, reply, request, fault, live, reset }: Exchange): void {
  const cut = () => reset(incoming.socket);
  if (fault === "reset") {
    cut();
    return;
  }
  if (typeof fault === "object" && "status" in fault) {
    refuse(incoming, reply, fault);
    return;
  }
  const upstream = forward(options, incoming);
  let source: http.IncomingMessage | undefined;
  const end = (last = "") => {
    source?.unpipe(reply);
    reply.end(last);
  };
  const here: Live = { request, cut, endWith: (line) => end(`${line}\n`) };
  live.add(here);
  reply.once("close", () => {
    live.delete(here);
    upstream.destroy();
  });
  upstream.once("error", cut);
  upstream.once("response", (head) => {
    source = head.once("error", cut);
    options.onAnswer?.(request, head.statusCode ?? 0);
    if (fault === "lose-answer") return void head.resume().once("end", cut);
    const isChanged = typeof fault === "object" && !("endAfterMs" in fault);
    const { "content-length": length, ...headers } = head.headers;
    reply.writeHead(head.statusCode ?? 0, isChanged || length === undefined ? headers : head.headers);
    reply.flushHeaders();
    if (isChanged) relayChanged(head, reply, fault);
    else head.pipe(reply);
    if (typeof fault === "object" && "endAfterMs" in fault)
      setTimeout(() => (fault.isOrderly ? end() : cut()), fault.endAfterMs);
  });
  incoming.pipe(upstream);
}

function refuse(
  incoming: http.IncomingMessage,
  reply: http.ServerResponse,
  { status, reason, headers }: Extract<ApiFault, { status: number }>,
): void {
  const body = { kind: "Status", apiVersion: "v1", status: "Failure", code: status, reason, message: reason };
  incoming.resume().once("end", () => {
    reply.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
  });
}

interface Tunnel {
  readonly incoming: http.IncomingMessage;
  readonly socket: Socket;
  readonly request: ApiQuestion;
  readonly live: Set<Live>;
  readonly reset: (socket: Socket) => void;
}

function tunnel(options: ApiProxyOptions, { incoming, socket, request, live, reset }: Tunnel): void {
  const upstream = forward(options, incoming);
  const here: Live = { request, cut: () => reset(socket) };
  live.add(here);
  socket.once("close", () => {
    live.delete(here);
    upstream.destroy();
  });
  upstream.once("upgrade", (head, other, first) => {
    options.onAnswer?.(request, head.statusCode ?? 0);
    const lines = head.rawHeaders.flatMap((name, at, all) => (at % 2 === 0 ? [`${name}: ${all[at + 1]}`] : []));
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
    socket.write(first);
    socket.once("close", () => other.destroy());
    join(socket, other);
    join(other, socket);
  });
  upstream.once("response", (head) => {
    options.onAnswer?.(request, head.statusCode ?? 0);
    socket.end(`HTTP/1.1 ${head.statusCode} Refused\r\nContent-Length: 0\r\n\r\n`);
  });
  upstream.once("error", () => socket.destroy());
  upstream.end();
}

function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.once("error", () => to.end());
}

function forward({ server, tls, rewriteUrl }: ApiProxyOptions, incoming: http.IncomingMessage): http.ClientRequest {
  const url = rewriteUrl ? rewriteUrl(incoming.url ?? "") : (incoming.url ?? "");
  // What is compressed cannot be changed, and a client's own token is not the proxy's.
  const { "accept-encoding": _encoding, ...headers } = incoming.headers;
  if (headers.accept?.includes("protobuf")) headers.accept = "application/json";
  if (tls.cert) delete headers.authorization;
  const host = new URL(server).host;
  return https.request(new URL(url, server), { method: incoming.method, headers: { ...headers, host }, ...tls });
}

function seenOf({ method = "", url = "", headers }: http.IncomingMessage): ProxiedRequest {
  const { searchParams } = new URL(url, "http://api");
  return { ...parseQuestion(method, url), headers, query: searchParams, atMs: performance.now() };
}
