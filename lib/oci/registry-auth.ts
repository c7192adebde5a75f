import type { Credentials } from "./credentials.ts";
import { type Agents, type Exchange, type ExchangeDeadlines, exchange, readBody } from "./http-exchange.ts";
import { isLoopback } from "./loopback.ts";
import { statusError } from "./registry-error.ts";

/** One challenge of a WWW-Authenticate header. */
export interface Challenge {
  readonly scheme: "basic" | "bearer";
  readonly parameters: Readonly<Record<string, string>>;
}

interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}

/** Keeps the authorisation of one registry: it learns from its challenges and renews tokens before they expire. */
export class RegistryAuth {
  readonly #credentials: () => Promise<Credentials | undefined>;
  readonly #agents: Agents;
  readonly #deadlines: ExchangeDeadlines;
  readonly #tokens = new Map<string, Token>();
  #basic: string | undefined;

  constructor(options: {
    credentials: () => Promise<Credentials | undefined>;
    agents: Agents;
    deadlines: ExchangeDeadlines;
  }) {
    this.#credentials = options.credentials;
    this.#agents = options.agents;
    this.#deadlines = options.deadlines;
  }

  /** The Authorization header for requests with these scopes, as far as it is known. */
  header(scopes: readonly string[]): string | undefined {
    const token = this.#tokens.get(scopes.join(" "));
    if (token && token.expiresAtMs > Date.now()) return `Bearer ${token.value}`;
    return this.#basic;
  }

  /** Answers the challenge of a 401; false when there is nothing (new) to answer with. */
  async answer(header: string | undefined, scopes: readonly string[], signal?: AbortSignal): Promise<boolean> {
    const challenges = parseChallenges(header ?? "");
    const credentials = await this.#credentials();
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) {
      this.#tokens.set(scopes.join(" "), await this.#fetchToken(bearer, scopes, credentials, signal));
      return true;
    }
    const hasBasic = challenges.some(({ scheme }) => scheme === "basic");
    if (!hasBasic || !credentials || !("username" in credentials) || this.#basic !== undefined) return false;
    this.#basic = basic(credentials);
    return true;
  }

  // https://distribution.github.io/distribution/spec/auth/token/ and, for identity tokens, …/spec/auth/oauth/
  async #fetchToken(
    { parameters }: Challenge,
    scopes: readonly string[],
    credentials: Credentials | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Token> {
    const response = await exchange({
      ...tokenRequest(parameters, scopes, credentials),
      agents: this.#agents,
      deadlines: this.#deadlines,
      signal,
    });
    const text = (await readBody(response, 1 << 20)).toString("utf8");
    if (response.statusCode !== 200) throw statusError(response.statusCode ?? 0, response.headers["retry-after"], text);
    return parseToken(text);
  }
}

/** Parses a WWW-Authenticate header, several challenges included; unknown schemes are left out. */
export function parseChallenges(header: string): readonly Challenge[] {
  const starts = [...header.matchAll(/(?:^|,)\s*(basic|bearer)\b/gi)];
  return starts.map((start, at) => {
    const from = start.index + start[0].length;
    const text = header.slice(from, starts[at + 1]?.index ?? header.length);
    const pairs = [...text.matchAll(/([a-zA-Z_]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)];
    const parameters = pairs.map(([, key = "", quoted, bare]): [string, string] => [
      key.toLowerCase(),
      quoted === undefined ? (bare ?? "") : quoted.replaceAll(/\\(.)/g, "$1"),
    ]);
    return {
      scheme: start[1]?.toLowerCase() === "basic" ? "basic" : "bearer",
      parameters: Object.fromEntries(parameters),
    };
  });
}

function tokenRequest(
  parameters: Challenge["parameters"],
  scopes: readonly string[],
  credentials: Credentials | undefined,
): Pick<Exchange, "url" | "method" | "headers" | "body"> {
  const url = realmUrl(parameters.realm);
  if (credentials && "identityToken" in credentials) {
    const form = new URLSearchParams({ grant_type: "refresh_token", client_id: "gpu-ci", scope: scopes.join(" ") });
    form.set("service", parameters.service ?? "");
    form.set("refresh_token", credentials.identityToken);
    const headers = { accept: "application/json", "content-type": "application/x-www-form-urlencoded" };
    return { url, method: "POST", headers, body: Buffer.from(form.toString()) };
  }
  for (const scope of scopes) url.searchParams.append("scope", scope);
  if (parameters.service) url.searchParams.set("service", parameters.service);
  const authorization = credentials ? { authorization: basic(credentials) } : {};
  return { url, method: "GET", headers: { accept: "application/json", ...authorization } };
}

// The registry chooses where credentials are sent: never in the clear, this machine excepted.
function realmUrl(realm: string | undefined): URL {
  const url = realm !== undefined && URL.canParse(realm) ? new URL(realm) : undefined;
  if (url && (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname)))) return url;
  throw statusError(401, undefined, `its token server ${JSON.stringify(realm ?? "")} is no https address`);
}

function basic(credentials: { username: string; password: string }): string {
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString("base64")}`;
}

function parseToken(text: string): Token {
  const answer = JSON.parse(text) as { token?: unknown; access_token?: unknown; expires_in?: unknown };
  const value = answer.token ?? answer.access_token;
  if (typeof value !== "string") throw statusError(401, undefined, "its token server gave no token");
  const expiresInS = typeof answer.expires_in === "number" ? answer.expires_in : 60;
  return { value, expiresAtMs: Date.now() + Math.max(5, expiresInS * 0.9 - 5) * 1000 };
}
