import { randomBytes } from "node:crypto";
import type { Job } from "../kubernetes/resource.ts";
import { gpuResource } from "./cluster-facts.ts";

export interface GpuJobOptions {
  readonly image: string;
  readonly runtimeClass: string | undefined;
  readonly timeoutMs: number;
}

/** nvidia-smi that names the GPU, its UUID and the driver, a line a GPU. */
const command = ["nvidia-smi", "--query-gpu=name,uuid,driver_version", "--format=csv,noheader"];

/** A Job whose pod asks for one GPU and lists it; it passes Pod Security restricted, and the sweep of the next run removes it when we could not. */
export function gpuJob({
  image,
  runtimeClass,
  timeoutMs,
}: GpuJobOptions): Job & { readonly metadata: { readonly name: string } } {
  const suffix = randomBytes(4).toString("hex");
  const labels = { "app.kubernetes.io/managed-by": "gpu-ci", "gpu-ci/run": `setup-${suffix}` };
  const expires = new Date(Date.now() + timeoutMs + 60_000).toISOString();
  return {
    metadata: { name: `gpu-ci-gpu-proof-${suffix}`, labels, annotations: { "gpu-ci/expires": expires } },
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: Math.ceil(timeoutMs / 1000) + 30,
      ttlSecondsAfterFinished: 300,
      template: {
        metadata: { labels },
        spec: {
          restartPolicy: "Never",
          terminationGracePeriodSeconds: 0,
          automountServiceAccountToken: false,
          ...(runtimeClass === undefined ? {} : { runtimeClassName: runtimeClass }),
          tolerations: [{ key: gpuResource, operator: "Exists" }],
          securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: "RuntimeDefault" } },
          containers: [containerOf(image)],
        },
      },
    },
  };
}

function containerOf(image: string) {
  const amounts = { cpu: "100m", memory: "256Mi", [gpuResource]: "1" };
  return {
    name: "gpu",
    image,
    imagePullPolicy: "IfNotPresent",
    command,
    env: [{ name: "NVIDIA_DRIVER_CAPABILITIES", value: "utility" }],
    resources: { limits: amounts, requests: amounts },
    terminationMessagePolicy: "FallbackToLogsOnError",
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
  };
}
