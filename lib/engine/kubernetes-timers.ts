/** Named timers of one test; none outlives `clear()`. */
export interface Timers {
  /** Starts a timer anew. */
  set(name: string, delayMs: number, action: () => void): void;
  /** Starts a timer unless it runs already. */
  setOnce(name: string, delayMs: number, action: () => void): void;
  /** Stops one timer, or all. */
  clear(name?: string): void;
}

/** The longest delay that setTimeout keeps (2^31 - 1 ms, almost 25 days). */
const longestMs = 2_147_483_647;

export function createTimers(): Timers {
  const running = new Map<string, NodeJS.Timeout>();
  const clear = (name: string): void => {
    clearTimeout(running.get(name));
    running.delete(name);
  };
  const set = (name: string, delayMs: number, action: () => void): void => {
    clear(name);
    const fire = () => {
      running.delete(name);
      action();
    };
    running.set(name, setTimeout(fire, Math.min(delayMs, longestMs)));
  };
  return {
    set,
    setOnce: (name, delayMs, action) => {
      if (!running.has(name)) set(name, delayMs, action);
    },
    clear: (name) => {
      for (const key of name === undefined ? [...running.keys()] : [name]) clear(key);
    },
  };
}
