import { sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "./client.ts";
import { KubernetesError } from "./kubernetes-error.ts";

/** When something that is followed connects again, and when it gives up. */
export interface Reconnect {
  /** A connection was made: what follows is a new outage. */
  connected(): void;
  /** Something new came: the next connection may follow soon. */
  progressed(): void;
  /** Waits before the next connection. Throws the error when no connection will help, or none helped for too long. */
  afterFailure(error: unknown): Promise<void>;
  /** Waits a little after a connection that ended in order, longer and longer while they end at once. */
  afterEnd(): Promise<void>;
}

const longestMs = 5000;

/** Jittered backoff from 0.1 s to 5 s, for as long as the cluster's budget allows. */
export function createReconnect(cluster: Cluster, signal: AbortSignal): Reconnect {
  let connectedAtMs: number | undefined;
  let failingSinceMs: number | undefined;
  let attempt = 0;
  const backoff = async (floorMs = 0) => {
    attempt++;
    const delayMs = Math.min(longestMs, 50 * 2 ** attempt) * (0.5 + Math.random() / 2);
    await sleep(Math.max(delayMs, floorMs), signal);
  };
  /** A connection that held for a second was a good one: a server that closes every second is asked about once a second. */
  const judgeConnection = () => {
    if (connectedAtMs !== undefined && performance.now() - connectedAtMs >= 1000) attempt = 0;
    connectedAtMs = undefined;
  };
  return {
    connected() {
      connectedAtMs = performance.now();
      failingSinceMs = undefined;
      cluster.outage.over();
    },
    progressed() {
      attempt = 0;
    },
    async afterFailure(error) {
      signal.throwIfAborted();
      if (!isWorthRetrying(error)) throw error;
      judgeConnection();
      if (!(error instanceof KubernetesError)) cluster.outage.failed();
      failingSinceMs ??= performance.now();
      const awayMs = performance.now() - failingSinceMs;
      if (awayMs > cluster.awayBudgetMs) throw gaveUp(cluster.server, awayMs, error);
      await backoff(error instanceof KubernetesError ? error.retryAfterMs : undefined);
    },
    async afterEnd() {
      judgeConnection();
      await backoff();
    },
  };
}

function isWorthRetrying(error: unknown): error is DomainError {
  return error instanceof DomainError && error.retryable;
}

function gaveUp(server: string, awayMs: number, cause: DomainError): DomainError {
  if (cause instanceof KubernetesError) return cause;
  return new DomainError("api-unreachable", `The API server ${server} has been away for ${formatDuration(awayMs)}.`, {
    cause,
    retryable: true,
    hint: "Check that the server runs; what was started there goes on without us.",
  });
}
