import type http from "node:http";
import type https from "node:https";

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
  /** Called before the call is sent again, with what the last attempt ended with. */
  readonly onResend?: (error: unknown) => void;
}

/** What a request needs to be let in. */
export interface Authorization {
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly agent: http.Agent | undefined;
  readonly tls: https.AgentOptions;
}
