import { sleep } from "./abort.ts";

export interface RetryOptions {
  readonly attempts: number;
  /** Whether another attempt may help after this error. */
  readonly retryable: (error: unknown) => boolean;
  /** Wait before the next attempt; undefined falls back to full-jitter exponential backoff. Use it for Retry-After. */
  readonly delayMs?: (error: unknown, attempt: number) => number | undefined;
  readonly baseMs?: number;
  readonly maxMs?: number;
  readonly onRetry?: (error: unknown, attempt: number, delayMs: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Calls `operation` until it succeeds, its error is not retryable, or the attempts are used up; then throws the last error.
 * Backoff with full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export async function retry<T>(operation: (attempt: number) => Promise<T>, options: RetryOptions): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    options.signal?.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (attempt >= options.attempts || !options.retryable(error)) throw error;
      const delayMs = options.delayMs?.(error, attempt) ?? backoffMs(attempt, options);
      options.onRetry?.(error, attempt, delayMs);
      await sleep(delayMs, options.signal);
    }
  }
}

function backoffMs(attempt: number, { baseMs = 200, maxMs = 10_000 }: RetryOptions): number {
  return Math.min(maxMs, baseMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2);
}
