import { buffer } from "node:stream/consumers";
import { sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { KubernetesError } from "../kubernetes/kubernetes-error.ts";
import { createObject, deleteObject, listObjects } from "../kubernetes/object.ts";
import { followPodLog } from "../kubernetes/pod-log.ts";
import { jobs, type Pod, pods } from "../kubernetes/resource.ts";
import { gpuJob } from "./gpu-job.ts";
import { lastEventOf } from "./last-event.ts";
import { podTrouble } from "./pod-trouble.ts";

export interface GpuAttempt {
  readonly image: string;
  readonly runtimeClass: string | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Runs one pod that lists the GPU it was given and gives its lines; the pod is removed in any case. Throws DomainError `gpu-pod-refused`,
 * `gpu-pod-unschedulable`, `gpu-image-missing`, `gpu-runtime-missing`, `gpu-driver-failing` or `gpu-pod-stuck`.
 */
export async function tryGpu(cluster: Cluster, attempt: GpuAttempt): Promise<readonly string[]> {
  const { signal } = attempt;
  const job = gpuJob(attempt);
  const { name } = job.metadata;
  try {
    await createObject(cluster, jobs, job, { signal, deterministicName: true }).catch((error: unknown) => {
      throw error instanceof KubernetesError ? refused(error.message, error) : error;
    });
    const pod = await waitForEnd(cluster, name, attempt);
    return await readLines(cluster, pod, signal);
  } finally {
    // Also after a cancel: a GPU that a forgotten pod waits for is nobody else's.
    const leaving = { propagationPolicy: "Background", signal: AbortSignal.timeout(5000), timeoutMs: 5000 } as const;
    await deleteObject(cluster, jobs, name, leaving).catch((error: unknown) =>
      cluster.log.warning(
        `Job ${cluster.namespace}/${name} could not be removed, its time limit ends it: ${String(error)}`,
      ),
    );
  }
}

async function waitForEnd(cluster: Cluster, name: string, attempt: GpuAttempt): Promise<Pod> {
  const { signal, timeoutMs } = attempt;
  const endMs = Date.now() + timeoutMs;
  for (let round = 1; ; round++) {
    const { items } = await listObjects(cluster, pods, {
      labelSelector: `job-name=${name}`,
      signal,
      timeoutMs: 30_000,
    });
    const [pod] = items;
    // The phase comes a moment after the container's end.
    if (pod?.status?.phase === "Succeeded" || pod?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode === 0)
      return pod;
    const isLate = Date.now() >= endMs;
    // Events tell of a sandbox that cannot be made; asking for them at each look would be most of the requests.
    const asksEvents = isLate || round % 5 === 0;
    const event = asksEvents ? await eventOf(cluster, name, pod, signal) : undefined;
    const failure = judge(pod, event, attempt) ?? (isLate ? stuck(pod, event, timeoutMs) : undefined);
    if (failure) throw failure;
    await sleep(Math.min(1000, 100 * round), signal);
  }
}

function eventOf(cluster: Cluster, name: string, pod: Pod | undefined, signal: AbortSignal) {
  const { namespace } = cluster;
  const object = pod ? { kind: "Pod", name: pod.metadata?.name ?? "" } : { kind: "Job", name };
  return lastEventOf(cluster, { ...object, namespace }, signal);
}

/** What is final about a pod that has not succeeded; undefined while it may. */
function judge(
  pod: Pod | undefined,
  event: string | undefined,
  { image, runtimeClass }: GpuAttempt,
): DomainError | undefined {
  if (!pod) return event?.startsWith("FailedCreate:") ? refused(event) : undefined;
  const trouble = podTrouble(pod) ?? "";
  const observed = [trouble, event ?? ""].join("\n");
  if (
    /RuntimeClass|no runtime for|runtime handler|executable file not found|libnvidia|nvidia-container-cli/.test(
      observed,
    )
  )
    return missingRuntime(runtimeClass, trouble || (event ?? ""));
  if (/ErrImagePull|ImagePullBackOff|InvalidImageName|ErrImageNeverPull/.test(trouble)) {
    return new DomainError("gpu-image-missing", `The node cannot pull ${image}, which should try a GPU: ${trouble}`, {
      hint: "Check that the node may pull from this registry: hosts.toml below certs.d names it.",
    });
  }
  const ended = pod.status?.containerStatuses?.[0]?.state?.terminated;
  if (pod.status?.phase !== "Failed" && !ended) return undefined;
  const said = ended?.message?.trim() || pod.status?.message || ended?.reason || "it says nothing";
  return new DomainError(
    "gpu-driver-failing",
    `A pod was given a GPU, but nvidia-smi failed in it (exit code ${ended?.exitCode ?? "unknown"}): ${said}`,
    {
      hint: "Run nvidia-smi on the node: a driver that was updated needs a reboot, or its modules loaded anew.",
    },
  );
}

function missingRuntime(runtimeClass: string | undefined, observed: string): DomainError {
  const how = runtimeClass === undefined ? "the default runtime" : `runtime class ${runtimeClass}`;
  return new DomainError(
    "gpu-runtime-missing",
    `A pod was given a GPU, but ${how} does not bring the driver into it: ${observed}`,
    {
      hint: "Install NVIDIA's container toolkit on the node and make nvidia containerd's default runtime, or a RuntimeClass (microk8s enable nvidia does).",
    },
  );
}

function stuck(pod: Pod | undefined, event: string | undefined, timeoutMs: number): DomainError {
  const after = formatDuration(timeoutMs);
  const unscheduled = pod?.status?.conditions?.find(
    ({ type, status }) => type === "PodScheduled" && status === "False",
  );
  if (unscheduled) {
    return new DomainError(
      "gpu-pod-unschedulable",
      `No node took a pod that asks for one GPU within ${after}: ${unscheduled.message}`,
      {
        hint: "The message names the taint, label or amount that is in the way.",
        retryable: true,
      },
    );
  }
  const words = event ?? (pod ? `phase ${pod.status?.phase}` : "the Job has no pod");
  return new DomainError("gpu-pod-stuck", `A pod that asks for one GPU did not run within ${after}: ${words}`, {
    hint: "Look at the node: kubectl describe node, journalctl of its kubelet.",
    retryable: true,
  });
}

function refused(observed: string, cause?: unknown): DomainError {
  return new DomainError("gpu-pod-refused", `The cluster refuses a Job that asks for one GPU: ${observed}`, {
    hint: "Grant this account create on jobs and get on pods and pods/log in the namespace, or raise the quota or relax the policy that is named.",
    cause,
  });
}

async function readLines(cluster: Cluster, pod: Pod, signal: AbortSignal): Promise<readonly string[]> {
  const log = followPodLog(cluster, { pod: pod.metadata?.name ?? "", container: "gpu", signal, ended: () => true });
  const text = (await buffer(log)).toString("utf8");
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}
