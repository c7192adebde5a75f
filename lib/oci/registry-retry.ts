import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import { retry } from "../retry.ts";
import { isTransient, RegistryStatusError, reasonOf, toDomainError } from "./registry-error.ts";

/** How long a registry that failed is tried again; the defaults bear one that is away for a minute. */
export interface RetryBudget {
  readonly attempts: number;
  readonly baseMs: number;
  readonly maxMs: number;
}

/**
 * `brief` is for questions whose answer can be done without: HTTP 500 five times in a row is then taken for a damaged entry of the registry's
 * storage (an empty link file after a crash) and not for an outage. Other failures are borne as long as ever.
 */
export type Patience = "full" | "brief";

const briefAttempts = 5;

/** Tries the requests of one registry again, says so in the log, and turns what is left of failures into DomainErrors. */
export class RegistryRetry {
  readonly #registry: string;
  readonly #log: Log;
  readonly #signal: AbortSignal | undefined;
  readonly #budget: RetryBudget;
  #hasAnswered = false;

  constructor(options: { registry: string; log: Log; signal?: AbortSignal; retry?: RetryBudget }) {
    this.#registry = options.registry;
    this.#log = options.log;
    this.#signal = options.signal;
    this.#budget = options.retry ?? { attempts: 12, baseMs: 250, maxMs: 15_000 };
  }

  /** Throws DomainErrors; `registry-entry-damaged` only when patience is `brief`. */
  async run<T>(doing: string, operation: (attempt: number) => Promise<T>, patience: Patience = "full"): Promise<T> {
    let silences = 0;
    let refusals = 0;
    const isGivenUp = (error: unknown) => patience === "brief" && isStatus500(error) && ++refusals >= briefAttempts;
    try {
      const result = await retry(operation, {
        ...this.#budget,
        retryable: (error) => {
          this.#hasAnswered ||= error instanceof RegistryStatusError;
          // A registry that never answered is more likely misnamed than restarting.
          return isTransient(error) && !isGivenUp(error) && (this.#hasAnswered || ++silences < 3);
        },
        delayMs: (error) => waitAsked(error),
        onRetry: (error, attempt, delayMs) =>
          this.#log.info(
            `Registry ${this.#registry} did not ${doing} (${reasonOf(error)}); attempt ${attempt + 1} in ${Math.round(delayMs)} ms.`,
          ),
        ...(this.#signal ? { signal: this.#signal } : {}),
      });
      this.#hasAnswered = true;
      return result;
    } catch (error) {
      if (refusals >= briefAttempts) throw entryDamaged(this.#registry, doing, error);
      throw toDomainError(error, doing, this.#registry);
    }
  }
}

function entryDamaged(registry: string, doing: string, cause: unknown): DomainError {
  return new DomainError(
    "registry-entry-damaged",
    `Registry ${registry} answers HTTP 500 whenever it is asked to ${doing}.`,
    {
      hint: "An entry of its storage is damaged, for instance an empty link file after a crash; its log names the file. Delete that file, and push again.",
      cause,
    },
  );
}

function isStatus500(error: unknown): boolean {
  return error instanceof RegistryStatusError && error.status === 500;
}

function waitAsked(error: unknown): number | undefined {
  if (!(error instanceof RegistryStatusError) || error.retryAfterMs === undefined) return undefined;
  return Math.min(error.retryAfterMs, 120_000);
}
