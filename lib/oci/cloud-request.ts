import { DomainError } from "../error.ts";
import { type Agents, type ExchangeDeadlines, exchange, readBody } from "./http-exchange.ts";
import { isLoopback } from "./loopback.ts";
import { reasonOf } from "./registry-error.ts";

/** The connections of whoever needs a login. */
export interface CloudConnection {
  readonly agents: Agents;
  readonly deadlines: ExchangeDeadlines;
  readonly signal: AbortSignal | undefined;
}

export interface CloudRequest {
  readonly url: URL;
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For messages, for instance `log in to acme.azurecr.io`. */
  readonly doing: string;
}

/** Form fields as a body with its header. */
export function form(fields: Readonly<Record<string, string>>): Pick<CloudRequest, "body" | "headers"> {
  const headers = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
  return { headers, body: new URLSearchParams(fields).toString() };
}

/** One request to a cloud's login service. Throws DomainError `cloud-login-failed` with the service's own words, which hold no secret, unless the status is 200. */
export async function askCloud(request: CloudRequest, connection: CloudConnection): Promise<string> {
  const { status, text } = await sendCloud(request, connection);
  if (status === 200) return text;
  throw cloudError(request, `HTTP ${status}${wordsOf(text)}`);
}

/** The same for a caller that knows what to make of other answers. */
export async function sendCloud(
  request: CloudRequest,
  { agents, deadlines, signal }: CloudConnection,
): Promise<{ readonly status: number; readonly text: string }> {
  const { url, method, headers, body } = request;
  if (url.protocol !== "https:" && !isLoopback(url.hostname)) throw cloudError(request, "its address has no TLS");
  try {
    const content = body === undefined ? undefined : Buffer.from(body);
    const length = content ? { "content-length": content.length } : {};
    const all = { "user-agent": "gpu-ci", ...headers, ...length };
    const response = await exchange({ url, method, headers: all, body: content, agents, deadlines, signal });
    return { status: response.statusCode ?? 0, text: (await readBody(response, 1 << 20)).toString("utf8") };
  } catch (error) {
    signal?.throwIfAborted();
    throw cloudError(request, reasonOf(error), error);
  }
}

/** A text field of a JSON answer. Throws DomainError `cloud-login-failed` when there is none. */
export function textField(text: string, name: string, request: Pick<CloudRequest, "doing" | "url">): string {
  const value = Object(parse(text))[name] as unknown;
  if (typeof value === "string" && value !== "") return value;
  throw cloudError(request, `its answer has no ${name}`);
}

/** DomainError `cloud-login-failed`. */
export function cloudError(
  { doing, url }: Pick<CloudRequest, "doing" | "url">,
  observed: string,
  cause?: unknown,
): DomainError {
  return new DomainError("cloud-login-failed", `${url.host} did not ${doing}: ${observed}.`, {
    hint: "Check the account's environment variables and its rights on the registry; or give username and password.",
    ...(cause === undefined ? {} : { cause }),
  });
}

// Azure, AWS and GitHub each have a field of their own for what went wrong.
function wordsOf(text: string): string {
  const answer = Object(parse(text)) as Record<string, unknown>;
  const words = answer.error_description ?? answer.message ?? answer.Message ?? answer.__type ?? answer.error;
  const xml = /<Message>([^<]*)<\/Message>/.exec(text)?.[1];
  const said = typeof words === "string" ? words : xml;
  return said === undefined ? "" : `, ${said.split(/\r?\n/, 1)[0]}`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
