import { type ResumeNote, resumeAnnotation } from "../../lib/engine/resume-note.ts";
import { processAnnotation } from "../../lib/engine/run-process.ts";
import { splitEnvironment, type TimedCase } from "../../lib/engine/shard-split.ts";
import type { TestIdentity } from "../../lib/engine/test-identity.ts";
import type { TestImage } from "../../lib/engine/test-image.ts";
import type { SecretFile, TestPod } from "../../lib/engine/test-pod.ts";
import type { ResolvedServices } from "../../lib/engine/test-service.ts";
import type { Inputs } from "./inputs.ts";

/** What the run found out beside its inputs. */
export interface Found {
  readonly image: TestImage;
  readonly services: ResolvedServices;
  readonly identity: TestIdentity;
  readonly gpus: number;
  /** What no log may show, beside the values of secret-env. */
  readonly masked: readonly string[];
  readonly secretFiles: readonly SecretFile[];
  /** Cases of an earlier run, by whose times shards divide the work. */
  readonly lastCases: readonly TimedCase[];
  /** Which process follows the run; undefined where that cannot be told. */
  readonly process: string | undefined;
}

/** How many GPUs the test must see; 0 when its GPU cases may be skipped. */
export function gpusRequiredOf({ gpus }: Pick<Inputs, "gpus">): number {
  return gpus === "auto" ? 0 : gpus;
}

/** The pod that the inputs ask for. */
export function toTestPod(
  inputs: Inputs,
  { image, services, identity, gpus, masked, secretFiles, lastCases, process }: Found,
): TestPod {
  const { nodeSelector, tolerations, runtimeClass, queueName, priorityClass, serviceAccount, volumes, podPatch } =
    inputs;
  const collect = [...inputs.results, ...inputs.artifacts];
  const { results, gpuResource, timeoutMs, pendingTimeoutMs, wrap } = inputs;
  const gpusRequired = gpusRequiredOf(inputs);
  const note: ResumeNote = { results, collect, gpus, gpusRequired, gpuResource, timeoutMs, pendingTimeoutMs, wrap };
  return {
    name: identity.name,
    labels: identity.labels,
    annotations: {
      ...identity.annotations,
      ...(process === undefined ? {} : { [processAnnotation]: process }),
      [resumeAnnotation]: JSON.stringify(note),
    },
    image: image.image,
    command: image.command,
    env: { ...splitEnvironment(inputs.shards, lastCases), ...services.env, ...inputs.env },
    secretEnv: { ...services.secretEnv, ...inputs.secretEnv },
    masked,
    secretFiles,
    gpus,
    gpuResource: inputs.gpuResource,
    cpu: inputs.cpu,
    memory: inputs.memory,
    shmSize: inputs.shmSize,
    runAs: inputs.runAs,
    collect,
    wrap: inputs.wrap,
    timeoutMs: inputs.timeoutMs,
    pendingTimeoutMs: inputs.pendingTimeoutMs,
    shards: inputs.shards,
    services: services.services,
    placement: { nodeSelector, tolerations, runtimeClass, queueName, priorityClass, serviceAccount, volumes, podPatch },
  };
}
