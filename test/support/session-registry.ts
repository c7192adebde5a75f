import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A small registry in this process, with its blobs on the disk, that keeps the beginning of an upload when its connection breaks, as the specification allows. */
export interface SessionRegistry extends AsyncDisposable {
  readonly host: string;
  /** A blob by its digest, or a manifest by digest or tag. */
  read(name: string): Promise<Buffer | undefined>;
  /** `METHOD kind`, in order; kind is `upload`, `session`, `blob` or `manifest`. */
  readonly requests: string[];
  /** Bytes of uploads that arrived. */
  readonly received: () => number;
}

interface Session {
  readonly file: string;
  size: number;
  /** Settles when everything that came for it so far is in the file. */
  idle: Promise<void>;
}

interface State {
  readonly folder: string;
  readonly sessions: Map<string, Session>;
  received: number;
  /** Told each time bytes arrived for an upload: true breaks the connection. */
  readonly isCut: (sessionBytes: number) => boolean;
}

/** Starts it. https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-a-blob-in-chunks */
export async function startSessionRegistry(
  isCut: (sessionBytes: number) => boolean = () => false,
): Promise<SessionRegistry> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-sessions-"));
  const state: State = { folder, sessions: new Map(), received: 0, isCut };
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const url = new URL(incoming.url ?? "", "http://registry");
    const [, kind = "", name = ""] = /\/(manifests|blobs\/uploads|blobs)\/(.*)$/.exec(url.pathname) ?? [];
    const noun = kind === "blobs/uploads" ? (name === "" ? "upload" : "session") : kind.slice(0, -1);
    requests.push(`${incoming.method} ${noun}`);
    const answer = { upload: begin, session: continueUpload, manifest: manifests, blob: give }[noun];
    if (answer) void answer(state, { incoming, outgoing, url, name });
    else outgoing.writeHead(200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    host: `localhost:${(server.address() as AddressInfo).port}`,
    read: (name) => readFile(fileOf(state, name)).catch(() => undefined),
    requests,
    received: () => state.received,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all([...state.sessions.values()].map(({ idle }) => idle));
      await rm(folder, { recursive: true });
    },
  };
}

interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly url: URL;
  readonly name: string;
}

function begin({ folder, sessions }: State, { outgoing, url }: Exchange): void {
  const id = randomUUID();
  sessions.set(id, { file: join(folder, `upload-${id}`), size: 0, idle: Promise.resolve() });
  outgoing.writeHead(202, { location: `${url.pathname}${id}` }).end();
}

// One request after the other: what a broken one brought is in the file before the next is answered.
function continueUpload(state: State, exchange: Exchange): void {
  const session = state.sessions.get(exchange.name);
  if (!session) return void exchange.outgoing.writeHead(404).end();
  session.idle = session.idle.then(() => receive(state, session, exchange));
}

async function receive(state: State, session: Session, { incoming, outgoing, url, name }: Exchange): Promise<void> {
  const range = () => ({ location: url.pathname, range: `0-${Math.max(0, session.size - 1)}` });
  if (incoming.method === "GET") return void outgoing.writeHead(204, range()).end();
  const start = /^(\d+)-/.exec(incoming.headers["content-range"] ?? "")?.[1];
  if (start !== undefined && Number(start) !== session.size) return void outgoing.writeHead(416, range()).end();
  if (!(await append(state, session, incoming))) return;
  if (incoming.method === "PATCH") return void outgoing.writeHead(202, range()).end();
  state.sessions.delete(name);
  const digest = url.searchParams.get("digest") ?? "";
  if ((await digestOf(session.file)) !== digest) {
    outgoing.writeHead(400).end('{"errors":[{"code":"DIGEST_INVALID","message":"not what it says"}]}');
    return;
  }
  await rename(session.file, fileOf(state, digest));
  outgoing.writeHead(201).end();
}

/** Writes a request's body behind what is there; false when its connection broke. */
async function append(state: State, session: Session, incoming: IncomingMessage): Promise<boolean> {
  await using file = await open(session.file, "a");
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      await file.writeFile(chunk);
      session.size += chunk.length;
      state.received += chunk.length;
      if (state.isCut(session.size)) incoming.socket.resetAndDestroy();
    }
    return incoming.complete && !incoming.socket.destroyed;
  } catch {
    return false;
  }
}

async function manifests(state: State, exchange: Exchange): Promise<void> {
  const { incoming, outgoing, name } = exchange;
  if (incoming.method !== "PUT") return give(state, exchange);
  const bytes = Buffer.concat(await incoming.toArray());
  const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (name.includes(":") && name !== digest) return void outgoing.writeHead(400).end();
  for (const key of [name, digest]) await writeFile(fileOf(state, key), bytes);
  outgoing.writeHead(201, { "docker-content-digest": digest }).end();
}

async function give(state: State, { incoming, outgoing, name }: Exchange): Promise<void> {
  const file = fileOf(state, name);
  const found = await stat(file).catch(() => undefined);
  if (!found) return void outgoing.writeHead(404).end();
  const digest = name.includes(":") ? name : await digestOf(file);
  outgoing.writeHead(200, { "content-length": found.size, "docker-content-digest": digest });
  if (incoming.method === "HEAD") outgoing.end();
  else createReadStream(file).pipe(outgoing);
}

function fileOf({ folder }: State, name: string): string {
  return join(folder, name.replace(":", "-"));
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return `sha256:${hash.digest("hex")}`;
}
