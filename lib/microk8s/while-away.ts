import { DomainError } from "../error.ts";

/**
 * Asks the API server, and gives the last answer instead while it is away and there is time left: an addon, or an automatic refresh, restarts it. Throws what
 * the question throws otherwise.
 */
export async function whileAway<T, U>(
  ask: () => Promise<T>,
  last: U,
  { endMs, signal }: { readonly endMs: number; readonly signal: AbortSignal },
): Promise<T | U> {
  try {
    return await ask();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof DomainError && error.code === "api-unreachable" && Date.now() < endMs) return last;
    throw error;
  }
}
