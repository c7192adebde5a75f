import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import { type AddressInfo, isIPv6 } from "node:net";
import { Transform } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** What goes wrong with one request. */
export type Fault =
  /** Answered by the proxy, the registry never sees it. */
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** The connection is reset after so many bytes of the body, or at its end. */
  | { readonly resetAfterBytes: number }
  /** So many bytes of the body reach the registry, then both of its connections are reset. */
  | { readonly cutAfterBytes: number }
  /** The registry does it, its answer is lost with the connection. */
  | "lose-answer"
  /** The socket stays open and nothing is read. */
  | "stall"
  /** 307 to the same path of another server. */
  | { readonly redirectTo: string }
  /** The body passes no faster. */
  | { readonly bytesPerSecond: number }
  /** Something happens before the registry sees the request. */
  | { readonly before: () => Promise<void> };

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  /** Declared size of its body. */
  readonly length: number;
  /** Of its body, as far as it came through. */
  bytes: number;
}

/** A proxy before a real registry that counts requests and makes faults happen on the wire. */
export interface RegistryProxy extends AsyncDisposable {
  readonly host: string;
  readonly requests: SeenRequest[];
}

/** What is to go wrong with a request; `earlier` counts those like it (same method and kind of path) before it. */
export type Faults = (request: SeenRequest, earlier: number) => Fault | undefined;

/** Starts it on a free port of one address of this machine. */
export async function startRegistryProxy(
  upstream: string,
  fault: Faults = () => undefined,
  address = "127.0.0.1",
): Promise<RegistryProxy> {
  const requests: SeenRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    const seen = see(incoming);
    const earlier = requests.filter((other) => other.method === seen.method && kindOf(other) === kindOf(seen)).length;
    requests.push(seen);
    incoming.on("data", (chunk: Buffer) => {
      seen.bytes += chunk.length;
    });
    incoming.pause();
    apply(fault(seen, earlier), { upstream, incoming, outgoing, seen });
  });
  await new Promise<void>((resolve) => server.listen(0, address, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `${address === "127.0.0.1" ? "localhost" : isIPv6(address) ? `[${address}]` : address}:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `manifest`, `blob`, `upload` or `other`. */
export function kindOf({ path }: Pick<SeenRequest, "path">): string {
  return /\/(manifest|blob)s\/(upload)?/.exec(path)?.slice(1).findLast(Boolean) ?? "other";
}

interface Exchange {
  readonly upstream: string;
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  readonly seen: SeenRequest;
}

function see(incoming: IncomingMessage): SeenRequest {
  return {
    method: incoming.method ?? "",
    path: incoming.url ?? "",
    authorization: incoming.headers.authorization,
    length: Number(incoming.headers["content-length"] ?? 0),
    bytes: 0,
  };
}

function apply(fault: Fault | undefined, exchange: Exchange): void {
  const { incoming, outgoing, seen } = exchange;
  if (fault === "stall") return;
  if (fault === undefined || fault === "lose-answer") {
    forward(exchange, fault === "lose-answer");
  } else if ("before" in fault) {
    void fault.before().then(() => forward(exchange, false));
  } else if ("cutAfterBytes" in fault) {
    incoming.on("data", () => {
      if (seen.bytes >= fault.cutAfterBytes) incoming.socket.resetAndDestroy();
    });
    forward(exchange, false);
  } else if ("bytesPerSecond" in fault) {
    forward(exchange, false, fault.bytesPerSecond);
  } else if ("redirectTo" in fault) {
    incoming.resume();
    outgoing.writeHead(307, { location: `http://${fault.redirectTo}${seen.path}` }).end();
  } else if ("status" in fault) {
    incoming.resume();
    outgoing.writeHead(fault.status, fault.headers).end(fault.body ?? "");
  } else {
    incoming.on("data", () => {
      if (seen.bytes >= fault.resetAfterBytes) incoming.socket.resetAndDestroy();
    });
    incoming.resume().on("end", () => incoming.socket.resetAndDestroy());
  }
}

function forward({ upstream, incoming, outgoing }: Exchange, loseAnswer: boolean, bytesPerSecond?: number): void {
  const onward = request(`http://${upstream}${incoming.url}`, {
    method: incoming.method,
    headers: incoming.headers,
    agent: false,
  });
  onward.on("error", () => incoming.socket.resetAndDestroy());
  incoming.on("close", () => {
    if (!incoming.complete) onward.destroy();
  });
  onward.on("response", (answer) => {
    if (loseAnswer) {
      answer.resume().on("end", () => incoming.socket.resetAndDestroy());
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  if (bytesPerSecond === undefined) incoming.pipe(onward);
  else incoming.pipe(slowed(bytesPerSecond)).pipe(onward);
}

function slowed(bytesPerSecond: number): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      void sleep((chunk.length / bytesPerSecond) * 1000).then(() => done(null, chunk));
    },
  });
}
