import type { IncomingMessage } from "node:http";
import type { WebSocket } from "ws";
import type { Log } from "../log.ts";

/** One call of the API. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Absolute path on the server, without the query. */
  readonly path: string;
  /** Undefined values are left out; a list gives its key several times. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default is application/json. */
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
  /** For the whole call, further attempts included; default 60 s. */
  readonly timeoutMs?: number | undefined;
  /** Whether sending twice does what sending once does; default is true for every method but POST. */
  readonly idempotent?: boolean;
}

/** Authenticated calls to one API server. */
export interface Transport {
  /** URL of the API server. */
  readonly server: string;
  readonly log: Log;
  /** How long a watch or a log follow goes on trying while the API server is away. */
  readonly awayBudgetMs: number;
  /** One call and its JSON answer. Throws KubernetesError, or DomainError `api-unreachable` when no answer came in time. */
  request<T>(request: ApiRequest): Promise<T>;
  /** One attempt of a call whose answer is read as a stream, which ends with the signal. */
  stream(request: ApiRequest): Promise<IncomingMessage>;
  /** Opens a WebSocket that speaks one of the protocols. */
  upgrade(request: ApiRequest, protocols: readonly string[]): Promise<WebSocket>;
  /** Closes idle connections. */
  close(): void;
}
