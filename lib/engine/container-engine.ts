import { type Exec, findProgram } from "../exec.ts";
import type { Log } from "../log.ts";
import { leftAside, removeArguments, unlimited } from "./container-arguments.ts";
import { createContainerFiles } from "./container-files.ts";
import { countGpus, type GpuPlaces, gpuArguments, machineGpuPlaces } from "./container-gpu.ts";
import { ContainerRun } from "./container-run.ts";
import { serviceNames } from "./container-services.ts";
import { startShards } from "./container-shards.ts";
import type { Engine } from "./engine.ts";
import { podmanEnvironment, podmanFault } from "./podman-environment.ts";
import type { TestPod } from "./test-pod.ts";

export interface ContainerEngineDeps {
  readonly exec: Exec;
  readonly log: Log;
  readonly env: NodeJS.ProcessEnv;
  /** Must be readable by the containers' engine: a folder of this machine. */
  readonly tempDirectory: string;
  readonly signal: AbortSignal;
  readonly now: () => Date;
  readonly gpuPlaces?: GpuPlaces;
}

const ours = "app.kubernetes.io/managed-by=gpu-ci";

/** podman or docker, whichever is wanted and installed (podman first for `auto`: it needs no daemon). */
export async function findContainerEngine(
  exec: Exec,
  wanted: "auto" | "podman" | "docker",
): Promise<"podman" | "docker" | undefined> {
  if (wanted !== "docker" && (await findProgram(exec, "podman"))) return "podman";
  if (wanted === "podman" || !(await findProgram(exec, "docker"))) return undefined;
  // A docker client without a daemon is no engine.
  const { exitCode } = await exec("docker", ["version", "--format", "{{.Server.Version}}"], { ignoreExitCode: true });
  return exitCode === 0 ? "docker" : undefined;
}

/**
 * Runs tests in containers of this machine. The way podman works here is probed once, by this call; docker is taken as it is. Throws
 * DomainError `engine-failed` when podman cannot start any container.
 */
export async function containerEngine(name: "podman" | "docker", deps: ContainerEngineDeps): Promise<Engine> {
  const env = name === "podman" ? await podmanEnvironment(deps) : deps.env;
  const places = deps.gpuPlaces ?? machineGpuPlaces;
  return {
    name,
    gpuCount: (gpuResource) => countGpus(gpuResource, places),
    start: (pod) => startShards(pod, (shard) => startContainer(shard)),
  };
  async function startContainer(pod: TestPod): Promise<ContainerRun> {
    await removeLeftovers(name, [pod.name, ...serviceNames(pod)], { ...deps, env });
    const gpus = await availableGpus(pod, places, deps.log);
    const devices = await gpuArguments(name, gpus, places);
    const limits = await canLimit(name, pod, { ...deps, env });
    warnOfDifferences(name, pod, limits, deps.log);
    const files = await createContainerFiles(pod, deps.tempDirectory);
    return new ContainerRun({ ...deps, env, engine: name, pod, files, gpuArguments: devices, limits });
  }
}

/** A required GPU that is not there does not stop the test: its GPU cases are then reported as skipped, by name, and fail the run. */
async function availableGpus(pod: TestPod, places: GpuPlaces, log: Log): Promise<number> {
  const available = await countGpus(pod.gpuResource, places);
  if (available >= pod.gpus) return pod.gpus;
  log.warning(
    `${pod.gpus} of ${pod.gpuResource} required, but this machine has ${available}; the test runs with ${available}.`,
  );
  return available;
}

async function canLimit(name: "podman" | "docker", pod: TestPod, deps: ContainerEngineDeps): Promise<boolean> {
  if (name === "docker" || [pod, ...pod.services].every((one) => unlimited(one) === undefined)) return true;
  const fault = await podmanFault(deps, ["--memory", "256m", "--cpus", "0.5"]);
  if (fault !== undefined) deps.log.debug(`podman with limits: ${fault}`);
  return fault === undefined;
}

/** A run that was killed could not remove its container. Ours go when they have our name, or when their time is over. */
async function removeLeftovers(
  engine: "podman" | "docker",
  containerNames: readonly string[],
  deps: ContainerEngineDeps,
): Promise<void> {
  const { exec, env, log, signal, now } = deps;
  const filter = `label=${ours}`;
  const { stdout } = await exec(engine, ["ps", "--all", "--filter", filter, "--format", "{{.Names}}"], { env, signal });
  for (const name of stdout.split("\n").filter(Boolean)) {
    const format = '{{index .Config.Labels "gpu-ci/expires"}}';
    // Its own run may remove it at this moment.
    const inspect = ["inspect", "--type", "container", "--format", format, name];
    const { stdout: expires } = await exec(engine, inspect, { env, signal, ignoreExitCode: true });
    if (!containerNames.includes(name) && !(Date.parse(expires.trim()) < now().getTime())) continue;
    log.info(`Removing container ${name}, which an earlier run left behind.`);
    await exec(engine, removeArguments(engine, name), { env, signal, ignoreExitCode: true });
  }
}

function warnOfDifferences(name: string, pod: TestPod, limits: boolean, log: Log): void {
  const aside = leftAside(pod);
  if (aside.length > 0) log.warning(`${name} leaves aside what only a cluster knows: ${aside.join(", ")}.`);
  const asked = limits ? undefined : unlimited(pod);
  if (asked) log.warning(`${name} cannot limit resources on this machine: ${asked} is not enforced.`);
}
