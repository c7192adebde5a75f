import type {
  V1Container,
  V1EnvVar,
  V1Probe,
  V1SecurityContext,
  V1Volume,
  V1VolumeMount,
} from "@kubernetes/client-node";
import type { Plain } from "../kubernetes/resource.ts";
import { containerClaims, gpuAmounts } from "./gpu-request.ts";
import { secretFileMounts, secretFileVolumes } from "./secret-file.ts";
import type { ServiceHealth } from "./service-request.ts";
import type { TestPod, TestService, TestVolume } from "./test-pod.ts";
import { wrapperScript } from "./wrapper.ts";

type Container = Plain<V1Container>;

/** Name of the container whose end is the verdict. */
export const testContainer = "test";
/** Name of the native sidecar that keeps the test's files readable. */
export const collectorContainer = "collector";

/** Seconds for which the wrapper keeps an ended test's container so that its files can be read, when nobody has begun to. */
const holdSeconds = 30;

/** The container that runs the test: under the wrapper, or bare. */
export function testContainerOf(pod: TestPod): Container {
  // A kubelet looks for mounted volumes three times a second: a pod without any starts 0.3 s earlier, so the wrapper travels in the command.
  const wrapper = needsCollector(pod) ? ["/bin/sh", "/gpu-ci/bin/run"] : ["/bin/sh", "-c", wrapperScript, "gpu-ci"];
  const wrapped = pod.wrap ? [...wrapper, ...pod.command] : pod.command;
  return {
    name: testContainer,
    image: pod.image,
    imagePullPolicy: "IfNotPresent",
    ...(wrapped.length > 0 ? { command: wrapped.map(literal) } : {}),
    env: [...envOf(pod), ...shardEnvOf(pod), ...secretEnvOf(pod)],
    resources: resourcesOf(pod),
    securityContext: restricted(pod),
    terminationMessagePolicy: "File",
    volumeMounts: mountsOf(pod),
  };
}

/** The sidecar that holds /gpu-ci/out; it sees no GPU and no secret. */
export function collectorOf(pod: TestPod): Container {
  return {
    name: collectorContainer,
    image: pod.image,
    imagePullPolicy: "IfNotPresent",
    restartPolicy: "Always",
    command: ["/bin/sh", "/gpu-ci/bin/collect", "hold"],
    env: [{ name: "NVIDIA_VISIBLE_DEVICES", value: "void" }],
    resources: { requests: { cpu: "10m", memory: "16Mi" }, limits: { cpu: "1", memory: "256Mi" } },
    securityContext: restricted(pod),
    volumeMounts: collectorMounts,
  };
}

/** A service as a native sidecar: the test's container starts when each of them is ready. It sees no GPU. */
export function serviceOf(service: TestService, pod: TestPod): Container {
  const { command, args, env, secretEnv, ports } = service;
  const amounts = {
    ...(service.cpu ? { cpu: service.cpu } : {}),
    ...(service.memory ? { memory: service.memory } : {}),
  };
  return {
    name: service.name,
    image: service.image,
    imagePullPolicy: "IfNotPresent",
    restartPolicy: "Always",
    ...(command.length > 0 ? { command: command.map(literal) } : {}),
    ...(args.length > 0 ? { args: args.map(literal) } : {}),
    env: [
      { name: "NVIDIA_VISIBLE_DEVICES", value: "void" },
      ...Object.entries(env).map(([name, value]) => ({ name, value: literal(value) })),
      ...Object.entries(secretEnv).map(([name, from]) => secretVariable(name, from, pod)),
    ],
    ports: ports.map((containerPort) => ({ containerPort })),
    ...(service.health ? { startupProbe: probeOf(service.health, pod) } : {}),
    resources: { requests: amounts, limits: amounts },
    securityContext: restricted({ runAs: service.user ?? pod.runAs }),
    // Its last words come with its status.
    terminationMessagePolicy: "FallbackToLogsOnError",
  };
}

/** Asked once a second for as long as the whole pod may wait. */
function probeOf(health: ServiceHealth, { pendingTimeoutMs }: TestPod): Plain<V1Probe> {
  const action = "port" in health ? { tcpSocket: { port: health.port } } : { exec: { command: [...health.command] } };
  return { ...action, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: Math.ceil(pendingTimeoutMs / 1000) };
}

/** The volumes behind all mounts. */
export function volumesOf(pod: TestPod, secretName: string): Plain<V1Volume>[] {
  return [
    ...(needsCollector(pod) ? collectorVolumes(secretName) : []),
    ...(pod.shmSize ? [{ name: "gpu-ci-shm", emptyDir: { medium: "Memory", sizeLimit: pod.shmSize } }] : []),
    ...secretFileVolumes(pod),
    ...pod.placement.volumes.map((volume, index) => ({ name: `volume-${index}`, ...sourceOf(volume) })),
  ];
}

/** The scripts, and what test and collector share. */
function collectorVolumes(secretName: string): Plain<V1Volume>[] {
  const items = ["run", "collect"].map((key) => ({ key, path: key }));
  return [
    { name: "gpu-ci-bin", secret: { secretName, defaultMode: 0o555, items } },
    { name: "gpu-ci-out", emptyDir: {} },
    { name: "gpu-ci-control", emptyDir: { medium: "Memory", sizeLimit: "1Mi" } },
  ];
}

/** Whether the run has a Secret: for its secret values and files, or for the script that holds its files. */
export function needsSecret(pod: TestPod): boolean {
  return Object.keys(pod.secretEnv).length > 0 || (pod.secretFiles ?? []).length > 0 || needsCollector(pod);
}

/** Whether a collector is worth its start: a run that asks for no file has none. */
export function needsCollector(pod: TestPod): boolean {
  return pod.collect.length > 0;
}

const collectorMounts: Plain<V1VolumeMount>[] = [
  { name: "gpu-ci-bin", mountPath: "/gpu-ci/bin", readOnly: true },
  { name: "gpu-ci-out", mountPath: "/gpu-ci/out" },
  { name: "gpu-ci-control", mountPath: "/gpu-ci/control" },
];

function mountsOf(pod: TestPod): Plain<V1VolumeMount>[] {
  const volumes = pod.placement.volumes.map(({ mountPath, readOnly }, index) => ({
    name: `volume-${index}`,
    mountPath,
    readOnly,
  }));
  const own = needsCollector(pod) ? collectorMounts : [];
  return [
    ...own,
    ...(pod.shmSize ? [{ name: "gpu-ci-shm", mountPath: "/dev/shm" }] : []),
    ...secretFileMounts(pod),
    ...volumes,
  ];
}

function envOf(pod: TestPod): Plain<V1EnvVar>[] {
  const env: Record<string, string> = {
    // A CUDA image asks for all GPUs by its own environment, whatever the pod was given.
    ...(pod.gpus === 0 ? { NVIDIA_VISIBLE_DEVICES: "void" } : {}),
    ...(pod.runAs === "nonroot" ? { HOME: "/tmp" } : {}),
    ...pod.env,
    GPU_CI_GPUS: String(pod.gpus),
    // Where there is no volume, shared memory is what every user can write to in every image.
    GPU_CI_CONTROL: needsCollector(pod) ? "/gpu-ci/control" : "/dev/shm",
    ...(pod.wrap ? { GPU_CI_TIMEOUT: String(Math.ceil(pod.timeoutMs / 1000)), GPU_CI_TRAILER: pod.name } : {}),
    ...(needsCollector(pod) ? { GPU_CI_COLLECT: pod.collect.join("\n"), GPU_CI_HOLD: String(holdSeconds) } : {}),
  };
  return Object.entries(env).map(([name, value]) => ({ name, value: literal(value) }));
}

/** Which part of the test this is; the Job controller notes the index on each pod of an Indexed Job. */
function shardEnvOf({ shards }: TestPod): Plain<V1EnvVar>[] {
  const fieldRef = { fieldPath: "metadata.annotations['batch.kubernetes.io/job-completion-index']" };
  const shard = shards > 1 ? { valueFrom: { fieldRef } } : { value: "0" };
  return [
    { name: "GPU_CI_SHARD", ...shard },
    { name: "GPU_CI_SHARDS", value: String(shards) },
  ];
}

/** Kubernetes expands `$(NAME)` in commands and values, and `$$` is its `$`; ours are taken as they stand. */
function literal(text: string): string {
  return text.replaceAll("$", () => "$$");
}

function secretEnvOf(pod: TestPod): Plain<V1EnvVar>[] {
  return Object.keys(pod.secretEnv).map((name) => secretVariable(name, name, pod));
}

function secretVariable(name: string, from: string, pod: TestPod): Plain<V1EnvVar> {
  return { name, valueFrom: { secretKeyRef: { name: pod.name, key: secretEnvKey(from) } } };
}

/** Key of the per-run Secret under which a secret environment variable is. */
export function secretEnvKey(name: string): string {
  return `env.${name}`;
}

function resourcesOf(pod: TestPod): NonNullable<Container["resources"]> {
  const amounts: Record<string, string> = {
    ...(pod.cpu ? { cpu: pod.cpu } : {}),
    ...(pod.memory ? { memory: pod.memory } : {}),
    ...gpuAmounts(pod),
  };
  return { requests: amounts, limits: amounts, ...containerClaims(pod) };
}

function restricted({ runAs }: Pick<TestPod, "runAs">): Plain<V1SecurityContext> {
  const base = {
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  };
  if (runAs === "image") return base;
  if (runAs === "nonroot") return { ...base, runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000 };
  const group = runAs.gid === undefined ? {} : { runAsGroup: runAs.gid };
  return { ...base, runAsUser: runAs.uid, ...group, runAsNonRoot: runAs.uid !== 0 };
}

function sourceOf({ kind, source, readOnly }: TestVolume): Omit<Plain<V1Volume>, "name"> {
  if (kind === "pvc") return { persistentVolumeClaim: { claimName: source, readOnly } };
  if (kind === "configmap") return { configMap: { name: source } };
  if (kind === "secret") return { secret: { secretName: source } };
  if (kind === "host") return { hostPath: { path: source } };
  return { emptyDir: source === "" ? {} : { sizeLimit: source } };
}
