import http, { type IncomingMessage } from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import { BlockQueue } from "../block-queue.ts";
import { connectionError, type ExchangeOptions, refusal, urlOf } from "./exchange.ts";
import { readChunks } from "./read-chunks.ts";

export interface ByteStreamOptions extends ExchangeOptions {
  /** What the connection is to be upgraded to. */
  readonly protocol: string;
  /** Longest silence. */
  readonly idleMs: number;
}

const blockBytes = 256 * 1024;
const receiveBytes = 64 * 1024;

/**
 * Sends one GET whose answer is bytes and nothing else, and gives them in chunks that are overwritten when the next one is asked for. It asks for
 * an upgrade of the connection (RFC 9110, 7.8) and reads what follows into a single buffer, at a quarter of what node:http takes for an answer,
 * which allocates and parses every TLS record (0.4 against 1.7 cpu-s for 1 GB). A server that does not upgrade, or a proxy on the way, costs that.
 * Throws as `exchange` does; a connection that ends in order too early looks like the end of the bytes.
 */
export async function openByteStream(options: ByteStreamOptions): Promise<AsyncIterable<Uint8Array>> {
  const { server, request, authorization, signal, protocol, idleMs } = options;
  signal.throwIfAborted();
  const url = urlOf(server, request);
  const connection = createConnection();
  return await new Promise((resolve, reject) => {
    const outgoing = (url.protocol === "http:" ? http : https).request(url, {
      method: request.method,
      agent: freshAgent(authorization.agent),
      headers: { "User-Agent": "gpu-ci", ...authorization.headers, Connection: "Upgrade", Upgrade: protocol },
      signal,
      ...authorization.tls,
      ...connection.reading,
    });
    outgoing.once("socket", (socket) => connection.attach(socket));
    outgoing.once("upgrade", (_response, socket: Socket, head) => resolve(connection.divert(socket, head, options)));
    outgoing.once("response", (response: IncomingMessage) => {
      if ((response.statusCode ?? 500) < 400) resolve(readChunks(response, { idleMs }));
      else refusal(server, request, response, signal).then(reject, reject);
    });
    outgoing.on("error", (error) => reject(connectionError(server, error, signal)));
    outgoing.end();
  });
}

/** An agent of the same kind without connections: one that is open already reads in Node's own way. Not of a kind that speaks to a proxy. */
function freshAgent(agent: http.Agent | undefined): http.Agent | undefined {
  const Kind = [https.Agent, http.Agent].find((kind) => agent?.constructor === kind);
  return Kind && agent && "options" in agent ? new Kind({ ...Object(agent.options), keepAlive: false }) : agent;
}

/** A connection whose bytes go to the HTTP parser until they are diverted. */
function createConnection() {
  let attached: Socket | undefined;
  let take: ((bytes: Uint8Array) => boolean) | undefined;
  return {
    reading: {
      // Of node:net and node:tls: only a new connection that is made without a proxy takes it.
      onread: {
        buffer: Buffer.allocUnsafeSlow(receiveBytes),
        callback(bytes: number, buffer: Uint8Array): boolean {
          const part = buffer.subarray(0, bytes);
          return take?.(part) ?? attached?.push(Buffer.from(part)) ?? true;
        },
      },
    },
    attach(socket: Socket): void {
      attached = socket;
    },
    divert(socket: Socket, head: Uint8Array, { server, signal, idleMs }: ByteStreamOptions): AsyncIterable<Uint8Array> {
      const queue = new BlockQueue({ blockBytes, onWanted: () => socket.resume() });
      const abort = () => socket.destroy();
      signal.addEventListener("abort", abort, { once: true });
      socket.setTimeout(idleMs, () => socket.destroy(new Error(`nothing came for ${idleMs / 1000} s`)));
      socket.on("error", (error) => queue.end(connectionError(server, error, signal)));
      socket.once("end", () => queue.end());
      socket.once("close", () => {
        signal.removeEventListener("abort", abort);
        queue.end(signal.aborted ? signal.reason : undefined);
      });
      take = queue.add;
      queue.add(head);
      socket.on("data", (chunk: Uint8Array) => queue.add(chunk) || socket.pause());
      socket.resume();
      return untilDone(queue, socket);
    },
  };
}

async function* untilDone(queue: BlockQueue, socket: Socket): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* queue;
  } finally {
    socket.destroy();
  }
}
