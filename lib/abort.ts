import { setTimeout as sleepFor } from "node:timers/promises";
import { formatDuration } from "./duration.ts";
import { DomainError } from "./error.ts";

/** Waits; rejects with the signal's reason as soon as it is aborted. */
export async function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleepFor(delayMs, undefined, signal ? { signal } : undefined);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}

/** A signal with a deadline of its own; dispose it so that no timer outlives its use. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
}

/**
 * A signal that is aborted with `parent`, or after `timeoutMs` with a DomainError `deadline-exceeded` that names `what`.
 */
export function deadline(what: string, timeoutMs: number, parent?: AbortSignal): Deadline {
  const controller = new AbortController();
  const expire = () =>
    controller.abort(
      new DomainError("deadline-exceeded", `${what} did not finish within ${formatDuration(timeoutMs)}.`, {
        retryable: true,
      }),
    );
  const timer = setTimeout(expire, timeoutMs);
  const signal = parent ? AbortSignal.any([parent, controller.signal]) : controller.signal;
  return { signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
