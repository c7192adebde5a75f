import type { Reason } from "../report/conclusion.ts";
import type { ServiceRequest } from "./service-request.ts";

/** One test to run in a container with GPUs: what it needs, independent of the engine that runs it. */
export interface TestPod {
  /** Deterministic name of the Job or container (DNS label), so that a lost reply never makes two. */
  readonly name: string;
  /** Reference by digest that the engine's node can pull. */
  readonly image: string;
  /** What the container runs, already resolved against the image's entrypoint and command; empty runs the image as it is. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Reaches the container as environment, but through a Secret or a private file: never through a manifest or argv. */
  readonly secretEnv: Readonly<Record<string, string>>;
  /** Further values that no log may show: those of what stands beside the test. */
  readonly masked?: readonly string[];
  /** Files that reach the container through the run's Secret or a private folder, and nothing else. */
  readonly secretFiles?: readonly SecretFile[];
  readonly gpus: number;
  /** Name of an extended resource, or `resource.k8s.io/NAME` for a ResourceClaimTemplate. */
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
  /** From the start of the container. */
  readonly timeoutMs: number;
  /** From the creation to the start of the container. */
  readonly pendingTimeoutMs: number;
  /** Number of containers that share the test, each with `gpus` GPUs, GPU_CI_SHARD (from 0) and GPU_CI_SHARDS in its environment. */
  readonly shards: number;
  /** What runs beside the test, reachable at localhost, ready before the test starts. */
  readonly services: readonly TestService[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** What only a cluster knows; podman and docker say which of it they leave aside. */
  readonly placement: Placement;
}

/** A file with its content. */
export interface SecretFile {
  readonly mountPath: string;
  readonly content: Uint8Array;
}

/** A service with its image by digest. */
export interface TestService extends ServiceRequest {
  /** Its variables with a secret value: for each the name in `TestPod.secretEnv` under which the value is. */
  readonly secretEnv: Readonly<Record<string, string>>;
}

/** Where in a cluster the pod may run, and as what. */
export interface Placement {
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly tolerations: readonly Toleration[];
  readonly runtimeClass: string | undefined;
  readonly queueName: string | undefined;
  readonly priorityClass: string | undefined;
  readonly serviceAccount: string | undefined;
  readonly volumes: readonly TestVolume[];
  /** Merged into the pod template as the last word: maps by key, lists of named things by name, null removes. */
  readonly podPatch: Readonly<Record<string, unknown>> | undefined;
}

/** A taint that the pod tolerates; no value means any. */
export interface Toleration {
  readonly key: string;
  readonly value: string | undefined;
  readonly effect: "NoSchedule" | "PreferNoSchedule" | "NoExecute" | undefined;
}

/** Something that exists already in the cluster, mounted into the container. */
export interface TestVolume {
  readonly kind: "pvc" | "configmap" | "secret" | "host" | "empty";
  /** Name of the object, path on the node, or size of an empty volume. */
  readonly source: string;
  readonly mountPath: string;
  readonly readOnly: boolean;
}

/** A GPU that the test saw, as `nvidia-smi` reports it. */
export interface Gpu {
  readonly product: string;
  readonly uuid: string;
  readonly driver: string;
  readonly memory: string;
  /** Looks at it at even distances from the start of the test to its end; absent when there was none. */
  readonly load?: readonly GpuLoad[];
}

/** One look at a GPU; null is what it does not tell. */
export interface GpuLoad {
  readonly usedPercent: number | null;
  readonly memoryMib: number | null;
}

/**
 * How the container ended: by its status, or by the wrapper's receipt where the status will say the same (log-trailer.ts). That a stream ended
 * tells nothing (design.md rule 1).
 */
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

/** A file that came back from the container; its checksum was compared on both sides where the image has sha256sum. */
export interface CollectedFile {
  /** Path relative to the container's working directory. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}
