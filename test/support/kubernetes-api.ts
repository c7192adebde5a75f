import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { type WebSocket, WebSocketServer } from "ws";
import { stringify } from "yaml";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { type Log, silentLog } from "../../lib/log.ts";

/** A request as the server got it. */
export interface ApiCall {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

/** How a test lets the server answer, or misbehave. */
export interface ApiReply {
  readonly json: (body: unknown, status?: number, headers?: Record<string, string>) => void;
  /** A Status, as the real server sends with every refusal. */
  readonly refuse: (status: number, reason: string, message?: string, headers?: Record<string, string>) => void;
  /** Sends a piece of a stream; the head goes with the first one. */
  readonly write: (piece: string | Buffer) => void;
  /** Sends the head of a stream and nothing yet. */
  readonly open: () => void;
  readonly end: () => void;
  /** Resets the connection. */
  readonly cut: () => void;
  /** Settles when the client has got all, or has gone. */
  readonly closed: Promise<unknown>;
}

export type ApiHandler = (call: ApiCall, reply: ApiReply) => void | Promise<void>;

export interface KubernetesApiOptions {
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Talks to a client that opened a WebSocket. */
  readonly onSocket?: (socket: WebSocket, call: ApiCall) => void;
  /** Whether a connection becomes any other protocol that is asked for; default is yes. */
  readonly upgrades?: boolean;
  /** What the server speaks, best first; default is v5 and v4. */
  readonly protocols?: readonly string[];
}

/** A server with the API server's manners, whose answers a test decides; it keeps what it was asked. */
export interface KubernetesApi extends AsyncDisposable {
  readonly url: string;
  readonly calls: readonly ApiCall[];
  /** The content of a kubeconfig for it. */
  kubeconfig(user?: object, cluster?: object): string;
  connect(options?: { user?: object; cluster?: object; log?: Log; awayBudgetMs?: number }): Promise<Cluster>;
}

/** Starts the server on a free loopback port. */
export async function startKubernetesApi(
  handler: ApiHandler,
  options: KubernetesApiOptions = {},
): Promise<KubernetesApi> {
  const calls: ApiCall[] = [];
  const answer = async (request: http.IncomingMessage, response: http.ServerResponse) => {
    const call = toCall(request, await text(request));
    calls.push(call);
    await handler(call, createReply(response));
  };
  const listener: http.RequestListener = (request, response) => {
    answer(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  };
  const server = options.tls ? https.createServer(options.tls, listener) : http.createServer(listener);
  const sockets = acceptSockets(server, calls, handler, options);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const url = `${options.tls ? "https" : "http"}://127.0.0.1:${port}`;
  const kubeconfig = (user: object = {}, cluster: object = {}) => kubeconfigOf({ server: url, ...cluster }, user);
  return {
    url,
    calls,
    kubeconfig,
    connect: ({ user, cluster, log = silentLog, awayBudgetMs } = {}) =>
      connectKubernetes({
        kubeconfig: kubeconfig(user, cluster),
        context: undefined,
        namespace: undefined,
        env: {},
        log,
        ...(awayBudgetMs === undefined ? {} : { awayBudgetMs }),
      }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function kubeconfigOf(cluster: object, user: object): string {
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "fake",
    contexts: [{ name: "fake", context: { cluster: "fake", user: "fake", namespace: "team" } }],
    clusters: [{ name: "fake", cluster }],
    users: [{ name: "fake", user }],
  });
}

function acceptSockets(
  server: http.Server | https.Server,
  calls: ApiCall[],
  handler: ApiHandler,
  options: KubernetesApiOptions,
): WebSocketServer {
  const spoken = options.protocols ?? ["v5.channel.k8s.io", "v4.channel.k8s.io"];
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => spoken.find((name) => offered.has(name)) ?? false,
  });
  server.on("upgrade", (request, stream, head) => {
    const call = toCall(request, "");
    calls.push(call);
    const { onSocket, upgrades = true } = options;
    const protocol = request.headers.upgrade ?? "";
    if (onSocket && protocol === "websocket")
      return sockets.handleUpgrade(request, stream, head, (socket) => onSocket(socket, call));
    // Refused, or not upgraded: what the handler answers is sent as plain HTTP.
    const response = new http.ServerResponse(request);
    response.assignSocket(stream as never);
    response.shouldKeepAlive = false;
    response.once("finish", () => stream.end());
    const reply = createReply(response);
    // Nobody reads it, and its end would not be seen.
    stream.resume().once("end", () => stream.destroy());
    stream.on("error", () => {});
    void handler(call, upgrades && protocol !== "websocket" ? upgraded(reply, stream, protocol) : reply);
  });
  return sockets;
}

/** What it writes goes over the upgraded connection as it is. */
function upgraded(reply: ApiReply, stream: Duplex, protocol: string): ApiReply {
  let head = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`;
  return {
    ...reply,
    write: (piece) => {
      stream.write(Buffer.concat([Buffer.from(head), Buffer.from(piece)]));
      head = "";
    },
    end: () => void stream.end(),
    closed: new Promise((resolve) => stream.once("close", resolve)),
  };
}

function toCall(request: http.IncomingMessage, body: string): ApiCall {
  const url = new URL(request.url ?? "/", "http://fake");
  return { method: request.method ?? "", path: url.pathname, query: url.searchParams, headers: request.headers, body };
}

function createReply(response: http.ServerResponse): ApiReply {
  const json: ApiReply["json"] = (body, status = 200, headers = {}) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(body));
  };
  return {
    json,
    refuse: (code, reason, message = reason, headers = {}) =>
      json({ kind: "Status", apiVersion: "v1", status: "Failure", code, reason, message }, code, headers),
    write: (piece) => void response.write(piece),
    open: () => response.flushHeaders(),
    end: () => void response.end(),
    cut: () => response.socket?.resetAndDestroy(),
    closed: new Promise((resolve) => response.once("close", resolve)),
  };
}
