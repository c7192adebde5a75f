import { formatSize, parseSize } from "../size.ts";
import type { ContainerFiles } from "./container-files.ts";
import type { TestPod } from "./test-pod.ts";

export interface ContainerArgumentsOptions {
  readonly engine: "podman" | "docker";
  readonly pod: TestPod;
  /** What the container runs; empty runs the image as it is. */
  readonly command: readonly string[];
  readonly files: Pick<ContainerFiles, "bin" | "out" | "control" | "envFile" | "logFile" | "inheritedEnv" | "files">;
  readonly gpuArguments: readonly string[];
  /** Whether this machine can limit memory and CPU. */
  readonly limits: boolean;
  /** Name of the container whose network this one shares; default is a network of its own. */
  readonly network?: string | undefined;
}

/** Seconds for which the wrapper waits until its container's memory events were read. */
const holdSeconds = 10;

/** The arguments of `podman create` or `docker create` for this pod. No secret is among them. */
export function containerArguments(options: ContainerArgumentsOptions): string[] {
  const { engine, pod, files } = options;
  return [
    "create",
    `--name=${pod.name}`,
    "--pull=never",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    // Folders of ours carry no SELinux label of a container.
    ...(engine === "podman" ? ["--security-opt=label=disable"] : []),
    ...(engine === "podman" ? ["--log-driver=k8s-file", `--log-opt=path=${files.logFile}`] : []),
    ...pairs("--label", { ...pod.annotations, ...pod.labels }),
    `--volume=${files.bin}:/gpu-ci/bin:ro`,
    `--volume=${files.out}:/gpu-ci/out`,
    `--volume=${files.control}:/gpu-ci/control`,
    ...files.files.map((file) => `--volume=${file}:ro`),
    ...volumeArguments(pod),
    ...(options.network === undefined ? [] : [`--network=container:${options.network}`]),
    `--env-file=${files.envFile}`,
    ...pairs("--env", environmentOf(options)),
    ...Object.keys(files.inheritedEnv).map((name) => `--env=${name}`),
    ...limitArguments(options),
    ...userArguments(pod.runAs),
    ...options.gpuArguments,
    ...imageAndCommand(options),
  ];
}

/** The arguments that remove a container and its anonymous volumes at once, whether it runs or not, with those that share its network. */
export function removeArguments(engine: "podman" | "docker", name: string): string[] {
  // podman would wait ten seconds for it to end by itself; docker does not.
  return ["rm", "--force", "--volumes", ...(engine === "podman" ? ["--time", "0", "--depend"] : []), name];
}

/** What of the pod's placement has no meaning outside of a cluster, by the names of the inputs. */
export function leftAside({ placement }: TestPod): string[] {
  const given: Readonly<Record<string, boolean>> = {
    "node-selector": Object.keys(placement.nodeSelector).length > 0,
    tolerations: placement.tolerations.length > 0,
    "runtime-class": placement.runtimeClass !== undefined,
    "queue-name": placement.queueName !== undefined,
    "priority-class": placement.priorityClass !== undefined,
    "service-account": placement.serviceAccount !== undefined,
    volumes: placement.volumes.some(({ kind }) => kind !== "host" && kind !== "empty"),
    "pod-patch": placement.podPatch !== undefined,
  };
  return Object.keys(given).filter((name) => given[name]);
}

function environmentOf({ pod, gpuArguments }: ContainerArgumentsOptions): Record<string, string> {
  const gpus = gpuArguments.length === 0 ? 0 : pod.gpus;
  return {
    // A CUDA image asks for all GPUs by its own environment, whatever the pod was given.
    ...(gpus === 0 ? { NVIDIA_VISIBLE_DEVICES: "void" } : {}),
    ...(pod.runAs === "nonroot" ? { HOME: "/tmp" } : {}),
    GPU_CI_SHARD: "0",
    GPU_CI_SHARDS: String(pod.shards),
    ...pod.env,
    GPU_CI_GPUS: String(gpus),
    GPU_CI_CONTROL: "/gpu-ci/control",
    GPU_CI_RECEIPT: "/gpu-ci/control/receipt",
    ...(pod.wrap ? { GPU_CI_TIMEOUT: String(Math.ceil(pod.timeoutMs / 1000)), GPU_CI_HOLD: String(holdSeconds) } : {}),
    ...(pod.collect.length > 0 ? { GPU_CI_COLLECT: pod.collect.join("\n") } : {}),
  };
}

function volumeArguments({ placement }: TestPod): string[] {
  return placement.volumes.flatMap(({ kind, source, mountPath, readOnly }) => {
    if (kind === "host") return ["--volume", `${source}:${mountPath}${readOnly ? ":ro" : ""}`];
    return kind === "empty"
      ? ["--tmpfs", `${mountPath}:rw,exec${source ? `,size=${parseSize(source) ?? source}` : ""}`]
      : [];
  });
}

/** Limits of memory, CPU and shared memory, in the engines' units. */
export function limitArguments({
  pod,
  limits,
}: {
  readonly pod: Pick<TestPod, "cpu" | "memory" | "shmSize">;
  readonly limits: boolean;
}): string[] {
  const shmSize = pod.shmSize === undefined ? [] : ["--shm-size", bytesOf(pod.shmSize)];
  if (!limits) return shmSize;
  const memory = pod.memory === undefined ? [] : ["--memory", bytesOf(pod.memory)];
  return [...shmSize, ...memory, ...(pod.cpu === undefined ? [] : ["--cpus", cpusOf(pod.cpu)])];
}

/** Says in words which limits of the pod a machine without cgroups leaves aside. */
export function unlimited({ memory, cpu }: Pick<TestPod, "memory" | "cpu">): string | undefined {
  const asked = [
    ...(memory === undefined ? [] : [`memory ${formatSize(parseSize(memory) ?? 0)}`]),
    ...(cpu === undefined ? [] : [`cpu ${cpu}`]),
  ];
  return asked.length === 0 ? undefined : asked.join(" and ");
}

function bytesOf(quantity: string): string {
  return `${parseSize(quantity) ?? quantity}b`;
}

/** `500m` is half a CPU. */
function cpusOf(quantity: string): string {
  return quantity.endsWith("m") ? String(Number(quantity.slice(0, -1)) / 1000) : quantity;
}

/** The user that a container runs as. */
export function userArguments(runAs: TestPod["runAs"]): string[] {
  if (runAs === "image") return [];
  if (runAs === "nonroot") return ["--user", "1000:1000"];
  return ["--user", runAs.gid === undefined ? String(runAs.uid) : `${runAs.uid}:${runAs.gid}`];
}

function imageAndCommand({ pod, command }: ContainerArgumentsOptions): string[] {
  const whole = pod.wrap ? ["/bin/sh", "/gpu-ci/bin/run", ...command] : command;
  const [program, ...rest] = whole;
  return program === undefined ? [pod.image] : ["--entrypoint", program, pod.image, ...rest];
}

/** An option for each pair, as `OPTION=NAME=VALUE`. */
export function pairs(option: string, values: Readonly<Record<string, string>>): string[] {
  return Object.entries(values).map(([name, value]) => `${option}=${name}=${value}`);
}
