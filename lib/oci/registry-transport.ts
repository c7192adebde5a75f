import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import type { CloudConnection } from "./cloud-request.ts";
import type { Credentials } from "./credentials.ts";
import { type Agents, createAgents, type ExchangeDeadlines, exchange, readBody } from "./http-exchange.ts";
import { isClusterService, isLoopback } from "./loopback.ts";
import { RegistryAuth } from "./registry-auth.ts";
import { isPlainHttpAnswer, statusError } from "./registry-error.ts";

/** How a registry is spoken to. */
export interface TransportOptions {
  readonly registry: string;
  /** `auto`: HTTP for this machine and for Services of the cluster unless they want TLS, HTTPS for all others (with `tlsVerify: false` HTTP as well, when HTTPS is not spoken). */
  readonly plainHttp: boolean | "auto";
  readonly tlsVerify: boolean;
  readonly credentials: (connection: CloudConnection) => Promise<Credentials | undefined>;
  readonly env: NodeJS.ProcessEnv;
  readonly deadlines: ExchangeDeadlines;
  readonly signal: AbortSignal | undefined;
}

export interface RegistryRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** A path on the registry, or the address that an earlier answer named. */
  readonly target: string | URL;
  readonly scopes: readonly string[];
  /** Statuses that are no error for the caller. */
  readonly expected: readonly number[];
  readonly headers?: OutgoingHttpHeaders;
  /** A stream is opened anew each time the request has to be repeated. */
  readonly body?: Uint8Array | (() => AsyncIterable<Uint8Array>);
  /** Bytes that the registry works on before it answers, where that is not the body's length. */
  readonly atMostBytes?: number;
}

export interface RegistryResponse {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  /** Where the answer came from, redirects followed. */
  readonly url: URL;
  readonly body: IncomingMessage;
}

const redirects: readonly number[] = [301, 302, 303, 307, 308];

/** Sends single requests to one registry: scheme, authorisation and redirects. Retries belong to its caller. */
export class RegistryTransport implements Disposable {
  readonly #options: TransportOptions;
  readonly #agents: Agents;
  readonly #auth: RegistryAuth;
  #scheme: "http:" | "https:";
  #isSchemeKnown = false;

  constructor(options: TransportOptions) {
    this.#options = options;
    const isLocal = isLoopback(options.registry) || isClusterService(options.registry);
    this.#agents = createAgents({ tlsVerify: options.tlsVerify, proxyEnv: isLocal ? undefined : options.env });
    this.#auth = new RegistryAuth({
      credentials: () => options.credentials(this.connection),
      agents: this.#agents,
      deadlines: options.deadlines,
    });
    const isPlain = options.plainHttp === true || (options.plainHttp === "auto" && isLocal);
    this.#scheme = isPlain ? "http:" : "https:";
  }

  /** For requests to whoever gives logins for the registry. */
  get connection(): CloudConnection {
    return { agents: this.#agents, deadlines: this.#options.deadlines, signal: this.#options.signal };
  }

  /** What the registry is spoken to by, known for sure once it has answered. */
  get scheme(): "http" | "https" {
    return this.#scheme === "http:" ? "http" : "https";
  }

  /** Fails with RegistryStatusError for a status that is not expected, or with the network's error. */
  async send(request: RegistryRequest): Promise<RegistryResponse> {
    const scheme = this.#scheme;
    const response = await this.#authorised(request).catch((error: unknown) => {
      if (!this.#mayFallBackToHttp(scheme) || !isPlainHttpAnswer(error)) throw error;
      this.#scheme = "http:";
      return undefined;
    });
    if (!response) return this.send(request);
    if (request.expected.includes(response.status)) {
      this.#isSchemeKnown = true;
      return response;
    }
    const text = await readBody(response.body, 1 << 20).then(String, () => "");
    // Servers of TLS say so when they are spoken to in the clear, though not in answer to HEAD.
    const wantsTls = response.status === 400 && (request.method === "HEAD" || /HTTPS (?:server|port)/.test(text));
    const isNews = !this.#isSchemeKnown || this.#scheme !== scheme;
    if (wantsTls && isNews && this.#options.plainHttp === "auto" && scheme === "http:") {
      this.#scheme = "https:";
      return this.send(request);
    }
    throw statusError(response.status, response.headers["retry-after"], text);
  }

  [Symbol.dispose](): void {
    this.#agents[Symbol.dispose]();
  }

  // Of requests that go at once each finds out by itself: the scheme is the one that this one went by.
  #mayFallBackToHttp(scheme: string): boolean {
    return scheme === "https:" && this.#options.plainHttp === "auto" && !this.#options.tlsVerify;
  }

  async #authorised(request: RegistryRequest): Promise<RegistryResponse> {
    const first = await this.#followed(request);
    if (first.status !== 401 || first.url.origin !== this.#base().origin) return first;
    const challenge = first.headers["www-authenticate"];
    if (!(await this.#auth.answer(challenge, request.scopes, this.#options.signal))) return first;
    first.body.resume();
    return this.#followed(request);
  }

  async #followed(request: RegistryRequest): Promise<RegistryResponse> {
    let url = this.#resolve(request.target);
    for (let hops = 0; ; hops++) {
      const response = await this.#once(request, url);
      const { location } = response.headers;
      if (!redirects.includes(response.status) || location === undefined || hops === 5) return response;
      response.body.resume();
      url = this.#resolve(new URL(location, url));
    }
  }

  async #once(request: RegistryRequest, url: URL): Promise<RegistryResponse> {
    const isOurs = url.origin === this.#base().origin;
    const authorization = isOurs ? this.#auth.header(request.scopes) : undefined;
    const body = await exchange({
      url,
      method: request.method,
      headers: {
        "user-agent": "gpu-ci",
        ...request.headers,
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: typeof request.body === "function" ? request.body() : request.body,
      atMostBytes: request.atMostBytes,
      agents: this.#agents,
      deadlines: this.#options.deadlines,
      signal: this.#options.signal,
    });
    return { status: body.statusCode ?? 0, headers: body.headers, url, body };
  }

  #base(): URL {
    // Docker Hub's API has a host of its own.
    const host = this.#options.registry === "docker.io" ? "registry-1.docker.io" : this.#options.registry;
    return new URL(`${this.#scheme}//${host}/`);
  }

  // A proxy that ends TLS makes its registry name itself with http: the host is the same, our scheme is right. Any other
  // host must be spoken to with TLS, unless it is this machine.
  #resolve(target: string | URL): URL {
    const base = this.#base();
    const url = new URL(target, base);
    if (url.host === base.host || (url.hostname === base.hostname && url.protocol !== base.protocol)) {
      return new URL(url.pathname + url.search, base);
    }
    if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname))) return url;
    throw statusError(400, undefined, `it sends on to ${url.origin}, which has no TLS`);
  }
}
