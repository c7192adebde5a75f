import type { CollectedFile, Termination, TestPod } from "./test-pod.ts";

/** Whatever runs a TestPod: a Kubernetes cluster, podman or docker. */
export interface Engine {
  readonly name: "kubernetes" | "podman" | "docker";
  /** GPUs of this resource name that a pod could ever get here (the largest node's allocatable). */
  gpuCount(gpuResource: string): Promise<number>;
  /**
   * Creates what the test needs and returns at once. Throws DomainError with a reason of lib/report as its code, and then leaves nothing behind.
   */
  start(pod: TestPod): Promise<RunningTest>;
}

/** A test that was started. `remove` may be called at any moment and any number of times. */
export interface RunningTest {
  readonly jobName: string;
  readonly podName: () => string | undefined;
  /** Raw bytes of the container's log from the first one, resumed after cuts; ends when the container ended and all was read. */
  log(): AsyncIterable<Uint8Array>;
  /** Whether the log that `log()` gave is proven complete; false names a gap in `logGap`. */
  logComplete(): boolean;
  /** The verdict: settles when the container's terminated state, a deadline, or an impossible wait was observed. */
  ended(): Promise<Termination>;
  /** Brings the collected files into `directory`. */
  collect(directory: string): Promise<readonly CollectedFile[]>;
  /** Removes everything that `start` created and returns when it is gone. */
  remove(): Promise<void>;
}
