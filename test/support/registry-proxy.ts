import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";

/** What goes wrong with one request. */
export type Fault =
  /** Answered by the proxy, the registry never sees it. */
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** The connection is reset after so many bytes of the body, or at its end. */
  | { readonly resetAfterBytes: number }
  /** The registry does it, its answer is lost with the connection. */
  | "lose-answer"
  /** The socket stays open and nothing is read. */
  | "stall";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  /** Of its body, as far as it came through. */
  bytes: number;
}

/** A proxy before a real registry that counts requests and makes faults happen on the wire. */
export interface RegistryProxy extends AsyncDisposable {
  readonly host: string;
  readonly requests: SeenRequest[];
}

/** Starts it on a free port. `fault` is asked for each request, with how many like it (same method and kind of path) came before. */
export async function startRegistryProxy(
  upstream: string,
  fault: (request: SeenRequest, earlier: number) => Fault | undefined = () => undefined,
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
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("No port.");
  return {
    host: `localhost:${address.port}`,
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
    bytes: 0,
  };
}

function apply(fault: Fault | undefined, exchange: Exchange): void {
  const { incoming, outgoing, seen } = exchange;
  if (fault === "stall") return;
  if (fault === undefined || fault === "lose-answer") {
    forward(exchange, fault === "lose-answer");
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

function forward({ upstream, incoming, outgoing }: Exchange, loseAnswer: boolean): void {
  const onward = request(`http://${upstream}${incoming.url}`, {
    method: incoming.method,
    headers: incoming.headers,
    agent: false,
  });
  onward.on("error", () => incoming.socket.resetAndDestroy());
  onward.on("response", (answer) => {
    if (loseAnswer) {
      answer.resume().on("end", () => incoming.socket.resetAndDestroy());
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(outgoing);
  });
  incoming.pipe(onward);
}
