import type { IncomingMessage } from "node:http";
import { DomainError } from "../error.ts";

export interface ReadChunksOptions {
  readonly idleMs: number;
  /** Whether silence says nothing at this moment; default is no. */
  readonly mayBeIdle?: () => boolean;
}

/**
 * The chunks of an answer. Throws DomainError `api-unreachable` when the connection breaks, or when nothing came for `idleMs` although the reader was waiting:
 * a process that was stopped keeps its connections open, and only its silence tells.
 */
export async function* readChunks(
  response: IncomingMessage,
  { idleMs, mayBeIdle }: ReadChunksOptions,
): AsyncGenerator<Buffer, void, void> {
  const chunks = response[Symbol.asyncIterator]();
  let silence: Error | undefined;
  let isWaiting = false;
  const endWhenIdle = () => {
    if (!isWaiting || mayBeIdle?.()) return;
    silence = new Error(`nothing came for ${idleMs / 1000} s`);
    response.destroy();
  };
  const timer = setInterval(endWhenIdle, idleMs);
  try {
    for (;;) {
      timer.refresh();
      isWaiting = true;
      const { done, value } = await chunks.next();
      isWaiting = false;
      if (done) return;
      yield value;
    }
  } catch (error) {
    throw new DomainError("api-unreachable", "The connection to the API server broke.", {
      cause: silence ?? error,
      retryable: true,
    });
  } finally {
    clearInterval(timer);
    response.destroy();
  }
}
