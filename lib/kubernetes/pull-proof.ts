import { randomBytes } from "node:crypto";
import { sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "./client.ts";
import { KubernetesError } from "./kubernetes-error.ts";
import { createObject, deleteObject, getObject, listObjects } from "./object.ts";
import { events, type Pod, pods } from "./resource.ts";

export interface PullProofOptions {
  /** By digest, as the kubelet names it. */
  readonly image: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** For scheduling and pulling together. */
  readonly timeoutMs: number;
  /** How long a failure that may pass is borne, in milliseconds; default 30 s, about three attempts of a kubelet. */
  readonly patienceMs?: number;
  readonly signal: AbortSignal;
}

/** What one node made of an image. */
export interface PullProof {
  readonly node: string;
  /** The kubelet's own words when it cannot pull; undefined when it has the image. */
  readonly failure: string | undefined;
}

const pullReasons: ReadonlySet<string> = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ImageInspectError",
  "RegistryUnavailable",
  "SignatureValidationFailed",
]);
const earlyReasons: ReadonlySet<string> = new Set(["ContainerCreating", "PodInitializing"]);
// What the network may get over by itself; a wrong scheme, a wrong name and a missing login stay as they are.
const passing = /connection refused|timeout|no such host|no route|unreachable|EOF|connection reset|\b5\d\d\b|429/i;

/**
 * Lets a node pull an image in a pod, which starts nothing of it and is removed in any case. The registry is asked also when the node has the
 * image. Throws DomainError `pull-pod-refused`, or `pull-unproved` when no node came to an end in time.
 */
export async function provePull(cluster: Cluster, options: PullProofOptions): Promise<PullProof> {
  const pod = pullPod(options);
  const { name } = pod.metadata;
  try {
    await createObject(cluster, pods, pod, { signal: options.signal, deterministicName: true }).catch(
      (error: unknown) => {
        throw error instanceof KubernetesError ? refused(error) : error;
      },
    );
    return await waitForPull(cluster, name, options);
  } finally {
    // Also after a cancel; what a killed process leaves has a time limit of its own and is swept by its labels.
    const leaving = { gracePeriodSeconds: 0, signal: AbortSignal.timeout(5000), timeoutMs: 5000 };
    await deleteObject(cluster, pods, name, leaving).catch((error: unknown) =>
      cluster.log.warning(`Pod ${cluster.namespace}/${name} could not be removed, it expires: ${String(error)}`),
    );
  }
}

function pullPod({ image, labels, annotations, timeoutMs }: PullProofOptions) {
  return {
    metadata: { name: `gpu-ci-pull-${randomBytes(4).toString("hex")}`, labels, annotations },
    spec: {
      restartPolicy: "Never",
      activeDeadlineSeconds: Math.ceil(timeoutMs / 1000) + 30,
      terminationGracePeriodSeconds: 0,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // Where tests run, when there is such a node.
      tolerations: [{ key: "nvidia.com/gpu", operator: "Exists" }],
      affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [gpuNodes] } },
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
      containers: [containerOf(image)],
    },
  } satisfies Pod;
}

const gpuNodes = {
  weight: 1,
  preference: { matchExpressions: [{ key: "nvidia.com/gpu.present", operator: "In", values: ["true"] }] },
};

function containerOf(image: string) {
  const amounts = { cpu: "10m", memory: "16Mi" };
  return {
    name: "pull",
    image,
    imagePullPolicy: "Always",
    // No image has it: the container fails to start as soon as its image is there.
    command: ["/gpu-ci/pulled"],
    env: [{ name: "NVIDIA_VISIBLE_DEVICES", value: "void" }],
    resources: { requests: amounts, limits: amounts },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
  };
}

async function waitForPull(cluster: Cluster, name: string, options: PullProofOptions): Promise<PullProof> {
  const { signal, timeoutMs, patienceMs = 30_000 } = options;
  const endMs = Date.now() + timeoutMs;
  let failingSince: number | undefined;
  for (let round = 1; ; round++) {
    const pod = await getObject(cluster, pods, name, { signal, timeoutMs: 30_000 });
    const node = pod?.spec?.nodeName ?? "";
    const state = stateOf(pod);
    if (state === "pulled") return { node, failure: undefined };
    const isLate = Date.now() >= endMs;
    if (state === "failing") {
      failingSince ??= Date.now();
      const failure = await kubeletSays(cluster, name, pod, signal);
      if (isLate || !passing.test(failure) || Date.now() - failingSince >= patienceMs) return { node, failure };
    } else if (isLate || !pod) throw unproved(pod, options);
    await sleep(Math.min(1000, 100 * round), signal);
  }
}

function stateOf(pod: Pod | undefined): "waiting" | "failing" | "pulled" {
  const status = pod?.status?.containerStatuses?.[0];
  const { waiting, running, terminated } = status?.state ?? {};
  if (running ?? terminated) return "pulled";
  if (!waiting?.reason || earlyReasons.has(waiting.reason)) return "waiting";
  // Whatever else keeps a container from starting comes after its image.
  return pullReasons.has(waiting.reason) ? "failing" : "pulled";
}

/** The event of the last attempt has the cause; the container's status says only that the kubelet waits, on its way to the next one. */
async function kubeletSays(cluster: Cluster, name: string, pod: Pod | undefined, signal: AbortSignal): Promise<string> {
  const waiting = pod?.status?.containerStatuses?.[0]?.state?.waiting;
  if (waiting?.reason !== "ImagePullBackOff" && waiting?.message) return waiting.message;
  const found = await listObjects(cluster, events, {
    fieldSelector: `involvedObject.kind=Pod,involvedObject.name=${name},reason=Failed`,
    signal,
    timeoutMs: 10_000,
  }).catch(() => undefined);
  signal.throwIfAborted();
  const said = found?.items.findLast(({ message }) => message?.startsWith("Failed to pull image"))?.message;
  return said ?? waiting?.message ?? waiting?.reason ?? "it gives no reason";
}

function unproved(pod: Pod | undefined, { image, timeoutMs }: PullProofOptions): DomainError {
  const unscheduled = pod?.status?.conditions?.find(
    ({ type, status }) => type === "PodScheduled" && status === "False",
  );
  const observed = !pod
    ? "somebody removed the pod that was to pull it"
    : (unscheduled?.message ?? pod.status?.message ?? `the pod is ${pod.status?.phase ?? "unknown"}`);
  return new DomainError(
    "pull-unproved",
    `Whether a node can pull ${image} was not found out within ${formatDuration(timeoutMs)}: ${observed}.`,
    {
      hint: "Raise verify-pull-timeout when the image is large; else look at the node: kubectl describe node.",
      retryable: true,
    },
  );
}

function refused(cause: KubernetesError): DomainError {
  return new DomainError("pull-pod-refused", `The cluster refuses a pod that pulls the image: ${cause.message}`, {
    hint: "Grant this account create, get and delete on pods in the namespace, raise the quota that is named, or set verify-pull to none.",
    cause,
  });
}
