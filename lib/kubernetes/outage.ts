import type { Log } from "../log.ts";

/** Whether the API server is away, seen by all that follow it together, so that one line tells of it and not one for each. */
export interface Outage {
  /** A connection failed or broke. */
  failed(): void;
  /** The server answered. */
  over(): void;
}

const quietMs = 2000;
const patienceMs = 10_000;

/** Tells of an outage once: after 10 s of it, or at its end when that came earlier. Blinks under 2 s are not told. */
export function createOutage(log: Log, nowMs: () => number = () => performance.now()): Outage {
  let sinceMs: number | undefined;
  let isTold = false;
  const tell = (awayMs: number) => {
    if (isTold) return;
    isTold = true;
    log.info(`API away ${Math.round(awayMs / 1000)} s, still following.`);
  };
  return {
    failed() {
      sinceMs ??= nowMs();
      if (nowMs() - sinceMs >= patienceMs) tell(nowMs() - sinceMs);
    },
    over() {
      if (sinceMs !== undefined && nowMs() - sinceMs >= quietMs) tell(nowMs() - sinceMs);
      sinceMs = undefined;
      isTold = false;
    },
  };
}
