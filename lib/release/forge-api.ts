import { Octokit, RequestError } from "octokit";
import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import { describeRefusal } from "./refusal.ts";

/** Where the forge is and as whom it is asked. */
export interface ForgeApiOptions {
  readonly apiUrl: string;
  readonly token: string;
  /** `owner/repository`. */
  readonly repository: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  /** When this run gives up: no rate limit is waited for beyond it. */
  readonly endsAt: Date;
}

/** An answer that the caller wants to judge: success, or one of the statuses it named. */
export interface ForgeAnswer {
  readonly status: number;
  readonly data: unknown;
}

export interface ForgeRequestOptions {
  /** Statuses of 400 and above that are an answer to the caller, not an error. */
  readonly accept?: readonly number[];
  /** The caller repeats the request itself, for a repeated one would do harm. */
  readonly once?: boolean;
  /** The token's permission that this call needs, such as `contents: write`. */
  readonly permission: string;
}

/** Octokit for one repository, with deadlines, waiting for rate limits in words, and errors for people. */
export interface ForgeApi extends ForgeApiOptions {
  /** Sends `METHOD /path` below the repository. Throws DomainError, or the signal's reason. */
  request(route: string, parameters: Record<string, unknown>, options: ForgeRequestOptions): Promise<ForgeAnswer>;
}

const attemptTimeoutMs = 60_000;

/** Opens the API of a GitHub or of a forge that speaks its dialect. */
export function openForgeApi(options: ForgeApiOptions): ForgeApi {
  const octokit = createOctokit(options);
  return {
    ...options,
    request: async (route, parameters, { accept = [], once = false, permission }) => {
      const [method = "", path = ""] = route.split(" ");
      try {
        const { status, data } = await abortable(
          octokit.request(`${method} /repos/${options.repository}${path}`, {
            ...parameters,
            request: { signal: options.signal, ...(once && { retries: 0 }) },
          }),
          options.signal,
        );
        return { status, data };
      } catch (error) {
        options.signal.throwIfAborted();
        if (!(error instanceof RequestError)) throw error;
        if (accept.includes(error.status)) return { status: error.status, data: error.response?.data };
        throw describeRefusal(error, { method, path: `/repos/${options.repository}${path}`, permission, ...options });
      }
    },
  };
}

function createOctokit(options: ForgeApiOptions): Octokit {
  const { log, signal } = options;
  const mayWait = (what: string) => (retryAfter: number, _request: unknown, _octokit: unknown, retryCount: number) => {
    const until = new Date(options.now().getTime() + retryAfter * 1000);
    if (until > options.endsAt || retryCount >= 5) return false;
    log.warning(`${what} is used up; waiting until ${until.toISOString().slice(11, 19)} UTC.`);
    return true;
  };
  return new Octokit({
    auth: options.token,
    baseUrl: options.apiUrl,
    userAgent: "gpu-ci",
    throttle: {
      onRateLimit: mayWait("The API's rate limit"),
      onSecondaryRateLimit: mayWait("The API's secondary rate limit"),
    },
    log: {
      debug: () => {},
      info: () => {},
      warn: (line: string) => log.debug(line),
      error: (line: string) => log.debug(line),
    },
    request: {
      fetch: (url: string, init: RequestInit) =>
        fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(attemptTimeoutMs)]) }),
    },
  });
}

/** Octokit sleeps through an abort while it waits for a rate limit or before a retry; a cancelled run must not. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  let stop = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
  });
  aborted.catch(() => {});
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** An error for an answer of a status that the caller had asked to see. */
export function refusedAnswer(answer: ForgeAnswer, what: string): DomainError {
  const message = (answer.data as { message?: unknown } | undefined)?.message;
  const said = typeof message === "string" ? `: ${message}` : "";
  return new DomainError("refused", `${what} was refused with ${answer.status}${said}.`);
}
