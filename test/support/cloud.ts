import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import https from "node:https";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { exec } from "../../lib/exec.ts";

/** A request as a host of the cloud got it. */
export interface CloudCall {
  readonly method: string;
  readonly host: string;
  readonly url: URL;
  readonly headers: http.IncomingHttpHeaders;
  /** Read for logins only: what is forwarded goes on as it comes. */
  readonly body: () => Promise<string>;
}

export interface CloudAnswer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Answers a call, or lets the registry behind this host do it (`forward`). */
export type CloudHost = (call: CloudCall) => CloudAnswer | "forward" | Promise<CloudAnswer | "forward">;

/** Hosts of the internet by their names, behind a proxy: what the product does there with their real names is done here. */
export interface Cloud extends AsyncDisposable {
  /** The environment of a client that shall reach it. */
  readonly env: NodeJS.ProcessEnv;
  readonly calls: readonly CloudCall[];
}

/** Starts the hosts with TLS, and a proxy that leads every connection to them; `upstream` is a real registry's `host:port`. */
export async function startCloud(hosts: Readonly<Record<string, CloudHost>>, upstream: string): Promise<Cloud> {
  const calls: CloudCall[] = [];
  const server = https.createServer(await certificate(), (request, response) => {
    const host = request.headers.host ?? "";
    const url = new URL(request.url ?? "/", `https://${host}`);
    const call = { method: request.method ?? "", host, url, headers: request.headers, body: () => text(request) };
    calls.push(call);
    Promise.resolve(hosts[host]?.(call) ?? { status: 421 })
      .then((answer) => {
        if (answer === "forward") return forward(request, response, upstream);
        response.writeHead(answer.status ?? 200, answer.headers).end(answer.body ?? "");
        return undefined;
      })
      .catch((error: unknown) => response.destroy(error instanceof Error ? error : undefined));
  });
  const port = await listen(server);
  const proxy = http.createServer().on("connect", (_request, client) => {
    const onward = connect(port, "127.0.0.1", () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
    client.pipe(onward).pipe(client);
    for (const socket of [client, onward]) socket.on("error", () => onward.destroy() && client.destroy());
  });
  const address = `http://127.0.0.1:${await listen(proxy)}`;
  return {
    env: { HTTPS_PROXY: address },
    calls,
    async [Symbol.asyncDispose]() {
      for (const one of [server, proxy]) {
        one.closeAllConnections();
        one.close();
      }
    },
  };
}

async function listen(server: http.Server | https.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return (server.address() as AddressInfo).port;
}

async function forward(request: http.IncomingMessage, response: http.ServerResponse, upstream: string): Promise<void> {
  const { method, url, headers } = request;
  const onward = http.request(`http://${upstream}${url}`, { method, headers: { ...headers, host: upstream } });
  request.pipe(onward);
  const answer = await new Promise<http.IncomingMessage>((resolve, reject) =>
    onward.once("response", resolve).once("error", reject),
  );
  const location = answer.headers.location?.replace(`http://${upstream}`, `https://${headers.host}`);
  response.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...(location ? { location } : {}) });
  answer.pipe(response);
}

async function certificate(): Promise<{ key: Buffer; cert: Buffer }> {
  const folder = await mkdtemp(join(tmpdir(), "gpu-ci-cloud-"));
  const [key, cert] = [join(folder, "key"), join(folder, "cert")];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  try {
    await exec("openssl", ["req", "-x509", ...curve, "-subj", "/CN=cloud", "-keyout", key, "-out", cert]);
    return { key: await readFile(key), cert: await readFile(cert) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
