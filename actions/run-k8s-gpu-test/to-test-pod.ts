import type { TestIdentity } from "../../lib/engine/test-identity.ts";
import type { TestImage } from "../../lib/engine/test-image.ts";
import type { TestPod } from "../../lib/engine/test-pod.ts";
import type { ResolvedServices } from "../../lib/engine/test-service.ts";
import type { Inputs } from "./inputs.ts";

/** What the run found out beside its inputs. */
export interface Found {
  readonly image: TestImage;
  readonly services: ResolvedServices;
  readonly identity: TestIdentity;
  readonly gpus: number;
}

/** The pod that the inputs ask for. */
export function toTestPod(inputs: Inputs, { image, services, identity, gpus }: Found): TestPod {
  const { nodeSelector, tolerations, runtimeClass, queueName, priorityClass, serviceAccount, volumes, podPatch } =
    inputs;
  return {
    name: identity.name,
    labels: identity.labels,
    annotations: identity.annotations,
    image: image.image,
    command: image.command,
    env: { ...services.env, ...inputs.env },
    secretEnv: { ...services.secretEnv, ...inputs.secretEnv },
    gpus,
    gpuResource: inputs.gpuResource,
    cpu: inputs.cpu,
    memory: inputs.memory,
    shmSize: inputs.shmSize,
    runAs: inputs.runAs,
    collect: [...inputs.results, ...inputs.artifacts],
    wrap: inputs.wrap,
    timeoutMs: inputs.timeoutMs,
    pendingTimeoutMs: inputs.pendingTimeoutMs,
    shards: inputs.shards,
    services: services.services,
    placement: { nodeSelector, tolerations, runtimeClass, queueName, priorityClass, serviceAccount, volumes, podPatch },
  };
}
