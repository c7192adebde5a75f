import type { CollectedFile, Termination, TestPod } from "./test-pod.ts";

/** Whatever runs a TestPod: a Kubernetes cluster, podman or docker. */
export interface Engine {
  readonly name: "kubernetes" | "podman" | "docker";
  /** GPUs of this resource name that one pod could get here: the largest ready node's allocatable, or what this machine has. */
  gpuCount(gpuResource: string): Promise<number>;
  /**
   * Creates what the test needs and returns at once. Throws DomainError with a reason of lib/report as its code, and then leaves nothing behind.
   */
  start(pod: TestPod): Promise<RunningTest>;
}

/** A test that was started: one shard, or several that share a Job. */
export interface RunningTest {
  /** In the order of their indexes, as many as `TestPod.shards`. */
  readonly shards: readonly RunningShard[];
  /** Removes everything that `start` created and returns when it is gone. May be called at any moment and any number of times. */
  remove(): Promise<void>;
  /** Asks for the removal and returns before all is gone, for where a later step makes sure of that; absent where `remove` has to be waited for. */
  readonly dismiss?: () => Promise<void>;
}

/** One container's run. `log`, `collect` and `ended` are called together, right after the start, and reject with the engine's signal. */
export interface RunningShard {
  readonly podName: () => string | undefined;
  /** Raw bytes of the container's log from the first one, resumed after cuts; ends when the container ended and all was read. */
  log(): AsyncIterable<Uint8Array>;
  /** What is missing from the log that `log()` gave, in words; undefined when it is proven complete. */
  logGap(): string | undefined;
  /** Brings the collected files into `directory`, which exists, as soon as the test has ended; never rejects for a file that is not there. */
  collect(directory: string): Promise<readonly CollectedFile[]>;
  /** The verdict: settles when the container's terminated state, a deadline, or an impossible wait was observed. */
  ended(): Promise<Termination>;
}
