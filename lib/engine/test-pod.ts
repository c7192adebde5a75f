import type { Reason } from "../report/conclusion.ts";

/** One test to run in a container with GPUs: what it needs, independent of the engine that runs it. */
export interface TestPod {
  /** Deterministic name of the Job or container (DNS label), so that a lost reply never makes two. */
  readonly name: string;
  /** Reference by digest that the engine's node can pull. */
  readonly image: string;
  /** What the container runs, already resolved against the image's entrypoint and command. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Reaches the container as environment, but through a Secret or a private file: never through a manifest or argv. */
  readonly secretEnv: Readonly<Record<string, string>>;
  readonly gpus: number;
  readonly gpuResource: string;
  /** Kubernetes quantities. */
  readonly cpu: string | undefined;
  readonly memory: string | undefined;
  readonly shmSize: string | undefined;
  readonly runAs: "image" | "nonroot" | { readonly uid: number; readonly gid: number | undefined };
  /** Globs relative to the working directory of the container, collected after the test. */
  readonly collect: readonly string[];
  /** Whether the command runs under our wrapper; without it only files under /gpu-ci/out come back. */
  readonly wrap: boolean;
  readonly timeoutMs: number;
  readonly pendingTimeoutMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A GPU that the test saw, as `nvidia-smi` reports it. */
export interface Gpu {
  readonly product: string;
  readonly uuid: string;
  readonly driver: string;
  readonly memory: string;
}

/** How the container ended, read from its status and never from a stream (design.md rule 1). */
export interface Termination {
  readonly exitCode: number | undefined;

  readonly reason: Reason;
  /** One sentence for the reader: which object, what was observed. */
  readonly detail: string;
  readonly node: string | undefined;
  readonly gpus: readonly Gpu[];
  readonly queueMs: number;
  readonly pullMs: number;
  readonly runMs: number;
}

/** A file that came back from the container; its checksum was compared on both sides. */
export interface CollectedFile {
  /** Path relative to the container's working directory. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}
