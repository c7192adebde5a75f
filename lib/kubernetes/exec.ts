import type { Readable, Writable } from "node:stream";
import type { Cluster } from "./client.ts";

export interface ExecInPodOptions {
  /** Default is the cluster's. */
  readonly namespace?: string | undefined;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  /** Its end reaches the command where the server speaks v5 (Kubernetes 1.30 and later). */
  readonly stdin?: Readable;
  /** Ended when the command has ended; destroyed on failure. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export interface ExecInPodResult {
  readonly exitCode: number;
}

/**
 * Runs a command in a running container. Settles when the command's status has come and all output was written: throws KubernetesError when the
 * server refuses, DomainError `exec-interrupted` (retryable) when the connection broke before the status, `exec-failed` when the runtime could not start it.
 */
export async function execInPod(cluster: Cluster, options: ExecInPodOptions): Promise<ExecInPodResult> {
  throw new Error(`not written ${cluster} ${options}`);
}
