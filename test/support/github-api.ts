import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Faults, faultList } from "./github-faults.ts";
import type { OpenApiCheck } from "./github-openapi.ts";
import { type Answer, type CallBody, type GithubState, repository, route, unauthorized } from "./github-routes.ts";

export interface GithubApi extends AsyncDisposable {
  readonly url: string;
  readonly state: GithubState;
  readonly faults: Faults;
}

/**
 * Starts an emulator of the releases part of GitHub's API. Disposing it throws when a request or an answer was not as GitHub
 * describes its API.
 */
export async function startGithubApi(check: OpenApiCheck): Promise<GithubApi> {
  const state: GithubState = {
    releases: [],
    tags: new Map(),
    workflows: new Set(),
    dispatched: [],
    immutable: false,
    burnt: new Set(),
    calls: [],
  };
  const faults = faultList();
  const violations: string[] = [];
  const server = createServer((request, response) => {
    serve(request, response, { state, faults, check, violations }).catch((error: unknown) => {
      violations.push(String(error));
      response.destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    state,
    faults,
    [Symbol.asyncDispose]: () => stop(server, violations),
  };
}

async function stop(server: Server, violations: readonly string[]): Promise<void> {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  if (violations.length > 0) throw new Error(`Not as GitHub's API is described:\n${violations.join("\n")}`);
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  context: { state: GithubState; faults: Faults; check: OpenApiCheck; violations: string[] },
): Promise<void> {
  const { state, faults, check, violations } = context;
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const bytes = Buffer.concat(chunks);
  const { pathname, searchParams: query } = new URL(request.url ?? "/", "http://localhost");
  const path = decodeURIComponent(pathname);
  const json = /json/.test(request.headers["content-type"] ?? "");
  const body = json && bytes.length > 0 ? (JSON.parse(bytes.toString()) as CallBody) : {};
  const method = request.method ?? "GET";
  const below = path.replace(`/repos/${repository}`, "");
  state.calls.push(`${method} ${below}`);
  const authorized = /^(Bearer|token) token-of-the-job$/.test(request.headers.authorization ?? "");
  if (!request.headers["user-agent"]) violations.push(`${method} ${path} has no user agent`);
  const call = { method, path: below, query, bytes, body, origin: `http://${request.headers.host}` };
  const fault = faults.take(`${method} ${below}`);
  if (fault?.before) fault.before();
  if (fault?.hangUp && !fault.after) return void request.socket.destroy();
  if (fault?.status !== undefined) return send(response, { ...fault, status: fault.status });
  const answer = authorized || below.startsWith("/download/") ? route(call, state) : unauthorized();
  if (fault?.after) fault.after();
  if (fault?.hangUp) return void request.socket.destroy();
  if (authorized && !below.startsWith("/download/")) {
    violations.push(...check.violations({ method, path, query, body, status: answer.status, answer: answer.body }));
  }
  send(response, answer);
}

function send(response: ServerResponse, { status, body, headers = {} }: Answer): void {
  const text =
    typeof body === "string" || Buffer.isBuffer(body) ? body : body === undefined ? "" : JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
  response.end(text);
}
