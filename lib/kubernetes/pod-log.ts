import type { Cluster } from "./client.ts";

export interface PodLogOptions {
  /** Default is the cluster's. */
  readonly namespace?: string | undefined;
  readonly pod: string;
  readonly container: string;
  readonly signal: AbortSignal;
  /** Whether the container is known to have ended: the end of the stream alone is not the end of the container. */
  readonly ended: () => boolean;
}

/** The log of one container, byte for byte, across cut connections. Iterate it once. */
export interface PodLogFollower extends AsyncIterable<Uint8Array> {
  /** After the iteration: whether all bytes were proven to have come. */
  complete(): boolean;
  /** What is missing, in words; undefined when nothing is. */
  gap(): string | undefined;
}

/**
 * Follows a container's log from its first byte until it has ended and all was read. It may be called before the container has started.
 * The iteration throws the signal's reason, KubernetesError, or DomainError `api-unreachable`.
 */
export function followPodLog(cluster: Cluster, options: PodLogOptions): PodLogFollower {
  throw new Error(`not written ${cluster} ${options}`);
}
