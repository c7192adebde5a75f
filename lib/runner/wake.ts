/** Something to wait for that others may bring about early. */
export interface Wake {
  /** Ends the wait that is on, or the next one at once. */
  now(): void;
  /** Waits until `now`, the signal, or the end of the time; it never throws. */
  wait(timeoutMs: number, signal: AbortSignal): Promise<void>;
}

/** Makes a wake; calls of `now` while nobody waits count as one. */
export function createWake(): Wake {
  let isDue = false;
  let end = () => {};
  return {
    now() {
      isDue = true;
      end();
    },
    async wait(timeoutMs, signal) {
      if (!isDue && !signal.aborted) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, timeoutMs);
          end = () => {
            clearTimeout(timer);
            signal.removeEventListener("abort", end);
            resolve();
          };
          signal.addEventListener("abort", end, { once: true });
        });
      }
      isDue = false;
    },
  };
}
