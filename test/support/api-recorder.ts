import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** A request to the API server, as its authorizer sees it, and the answer's status. */
export interface RecordedRequest {
  readonly verb: string;
  /** With its group and subresource: `jobs.batch`, `pods/exec`. */
  readonly resource: string;
  /** Empty for requests to all namespaces and to what has none. */
  readonly namespace: string;
  readonly name: string;
  readonly status: number;
}

export interface ApiRecorder extends AsyncDisposable {
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
}

/** Passes everything on to an API server whose certificate `ca` has signed, WebSockets too, and writes down what was asked for. */
export async function startApiRecorder(server: string, ca: string): Promise<ApiRecorder> {
  const requests: RecordedRequest[] = [];
  const upgraded = new Set<Socket>();
  const record = (incoming: http.IncomingMessage, status = 0) =>
    requests.push({ ...parseRequest(incoming.method ?? "", incoming.url ?? ""), status });
  const forward = ({ method, url, headers }: http.IncomingMessage) =>
    https.request(new URL(url ?? "", server), { method, headers: { ...headers, host: new URL(server).host }, ca });

  const proxy = http.createServer((incoming, reply) => {
    const upstream = forward(incoming);
    upstream.once("response", (answer) => {
      record(incoming, answer.statusCode);
      reply.writeHead(answer.statusCode ?? 0, answer.headers);
      reply.flushHeaders();
      answer.pipe(reply);
      answer.once("error", () => reply.destroy());
    });
    upstream.once("error", () => reply.destroy());
    reply.once("close", () => upstream.destroy());
    incoming.pipe(upstream);
  });
  proxy.on("upgrade", (incoming: http.IncomingMessage, socket: Socket) => {
    const upstream = forward(incoming);
    upstream.once("upgrade", (answer, other, head) => {
      for (const end of [socket, other]) upgraded.add(end);
      record(incoming, answer.statusCode);
      const lines = answer.rawHeaders.flatMap((name, at, all) => (at % 2 === 0 ? [`${name}: ${all[at + 1]}`] : []));
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
      socket.write(head);
      join(socket, other);
      join(other, socket);
    });
    upstream.once("response", (answer) => {
      record(incoming, answer.statusCode);
      socket.end(`HTTP/1.1 ${answer.statusCode} Refused\r\nContent-Length: 0\r\n\r\n`);
    });
    upstream.once("error", () => socket.destroy());
    upstream.end();
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  return {
    url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of upgraded) socket.destroy();
      proxy.closeAllConnections();
      proxy.close();
      await once(proxy, "close");
    },
  };
}

/** `verb resource` of each kind of request, once, in order. */
export function rightsUsed(requests: readonly RecordedRequest[]): readonly string[] {
  return [...new Set(requests.map(({ verb, resource }) => `${verb} ${resource}`))].toSorted();
}

function join(from: Socket | NodeJS.ReadWriteStream, to: Socket | NodeJS.ReadWriteStream): void {
  from.pipe(to);
  from.once("error", () => to.end());
}

// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
function parseRequest(method: string, url: string): Omit<RecordedRequest, "status"> {
  const { pathname, searchParams } = new URL(url, "http://api");
  const pattern =
    /^\/(?:api|apis\/(?<group>[^/]+))\/v[^/]+(?:\/namespaces\/(?<namespace>[^/]+)(?=\/))?\/(?<plural>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<sub>[^/]+))?$/;
  const { group, namespace = "", plural = pathname, name = "", sub } = pattern.exec(pathname)?.groups ?? {};
  const read = name === "" ? (searchParams.get("watch") === null ? "list" : "watch") : "get";
  const verbs: Readonly<Record<string, string>> = {
    GET: read,
    POST: "create",
    PUT: "update",
    PATCH: "patch",
    DELETE: "delete",
  };
  const resource = `${plural}${group ? `.${group}` : ""}${sub ? `/${sub}` : ""}`;
  return { verb: verbs[method] ?? method, resource, namespace, name };
}
