import type { TestIdentity } from "../../lib/engine/test-identity.ts";
import type { TestImage } from "../../lib/engine/test-image.ts";
import type { TestPod } from "../../lib/engine/test-pod.ts";
import type { Inputs } from "./inputs.ts";

/** The pod that the inputs ask for. */
export function toTestPod(inputs: Inputs, image: TestImage, identity: TestIdentity, gpus: number): TestPod {
  const { nodeSelector, tolerations, runtimeClass, queueName, priorityClass, serviceAccount, volumes, podPatch } =
    inputs;
  return {
    name: identity.name,
    labels: identity.labels,
    annotations: identity.annotations,
    image: image.image,
    command: image.command,
    env: inputs.env,
    secretEnv: inputs.secretEnv,
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
    placement: { nodeSelector, tolerations, runtimeClass, queueName, priorityClass, serviceAccount, volumes, podPatch },
  };
}
