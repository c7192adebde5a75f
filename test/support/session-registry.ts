import { createHash, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A small registry in this process that keeps the beginning of an upload when its connection breaks, as the specification allows. */
export interface SessionRegistry extends AsyncDisposable {
  readonly host: string;
  /** Blobs by digest, and manifests by digest and tag. */
  readonly stored: Map<string, Buffer>;
  /** `METHOD kind`, in order; kind is `upload`, `session`, `blob` or `manifest`. */
  readonly requests: string[];
  /** Bytes of uploads that arrived. */
  readonly received: () => number;
}

interface State {
  readonly stored: Map<string, Buffer>;
  readonly sessions: Map<string, Buffer[]>;
  received: number;
  /** Told each time bytes arrived for an upload: true breaks the connection. */
  readonly isCut: (sessionBytes: number) => boolean;
}

/** Starts it. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks */
export async function startSessionRegistry(
  isCut: (sessionBytes: number) => boolean = () => false,
): Promise<SessionRegistry> {
  const state: State = { stored: new Map(), sessions: new Map(), received: 0, isCut };
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? "", "http://registry");
    const [, kind = "", name = ""] = /\/(manifests|blobs\/uploads|blobs)\/(.*)$/.exec(url.pathname) ?? [];
    const noun = kind === "blobs/uploads" ? (name === "" ? "upload" : "session") : kind.slice(0, -1);
    requests.push(`${incoming.method} ${noun}`);
    const answer = { upload: begin, session: receive, manifest: manifests, blob: give }[noun];
    if (answer) answer(state, { incoming, outgoing, url, name });
    else outgoing.writeHead(200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `localhost:${(server.address() as AddressInfo).port}`,
    stored: state.stored,
    requests,
    received: () => state.received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly url: URL;
  readonly name: string;
}

function begin({ sessions }: State, { outgoing, url }: Exchange): void {
  const id = randomUUID();
  sessions.set(id, []);
  outgoing.writeHead(202, { location: `${url.pathname}${id}` }).end();
}

function receive(state: State, { incoming, outgoing, url, name }: Exchange): void {
  const chunks = state.sessions.get(name);
  if (!chunks) return void outgoing.writeHead(404).end();
  const range = () => ({ location: url.pathname, range: `0-${Math.max(0, sizeOf(chunks) - 1)}` });
  if (incoming.method === "GET") return void outgoing.writeHead(204, range()).end();
  const start = /^(\d+)-/.exec(incoming.headers["content-range"] ?? "")?.[1];
  if (start !== undefined && Number(start) !== sizeOf(chunks)) return void outgoing.writeHead(416, range()).end();
  incoming.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    state.received += chunk.length;
    if (state.isCut(sizeOf(chunks))) incoming.socket.resetAndDestroy();
  });
  incoming.on("end", () => {
    if (incoming.socket.destroyed) return;
    if (incoming.method === "PATCH") return void outgoing.writeHead(202, range()).end();
    const bytes = Buffer.concat(chunks);
    const digest = url.searchParams.get("digest") ?? "";
    state.sessions.delete(name);
    if (digestOf(bytes) !== digest) {
      return void outgoing.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID","message":"not what it says"}]}');
    }
    state.stored.set(digest, bytes);
    outgoing.writeHead(201).end();
  });
}

function manifests(state: State, exchange: Exchange): void {
  const { incoming, outgoing, name } = exchange;
  if (incoming.method !== "PUT") {
    give(state, exchange);
    return;
  }
  const chunks: Buffer[] = [];
  incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
  incoming.on("end", () => {
    const bytes = Buffer.concat(chunks);
    state.stored.set(name, bytes).set(digestOf(bytes), bytes);
    outgoing.writeHead(201).end();
  });
}

function give({ stored }: State, { incoming, outgoing, name }: Exchange): void {
  const bytes = stored.get(name);
  if (!bytes) return void outgoing.writeHead(404).end();
  outgoing.writeHead(200, { "content-length": bytes.length, "docker-content-digest": digestOf(bytes) });
  outgoing.end(incoming.method === "HEAD" ? undefined : bytes);
}

function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, { length }) => sum + length, 0);
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
