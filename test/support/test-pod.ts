import type { TestPod } from "../../lib/engine/test-pod.ts";

/** A test that asks for little; override what a test is about. */
export function testPodOf(overrides: Partial<TestPod> = {}): TestPod {
  return {
    name: "gpu-ci-1-1",
    image: `localhost:32000/acme/app@sha256:${"a".repeat(64)}`,
    command: ["/bin/sh", "-c", "make test", "sh"],
    env: {},
    secretEnv: {},
    gpus: 0,
    gpuResource: "nvidia.com/gpu",
    cpu: undefined,
    memory: undefined,
    shmSize: undefined,
    runAs: "image",
    collect: [],
    wrap: true,
    timeoutMs: 60_000,
    pendingTimeoutMs: 30_000,
    shards: 1,
    services: [],
    labels: { "app.kubernetes.io/managed-by": "gpu-ci", "gpu-ci/run": "1-1" },
    annotations: {},
    placement: {
      nodeSelector: {},
      tolerations: [],
      runtimeClass: undefined,
      queueName: undefined,
      priorityClass: undefined,
      serviceAccount: undefined,
      volumes: [],
      podPatch: undefined,
    },
    ...overrides,
  };
}
