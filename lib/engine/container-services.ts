import { join } from "node:path";
import { deadline, sleep } from "../abort.ts";
import { DomainError } from "../error.ts";
import type { Exec } from "../exec.ts";
import type { Log } from "../log.ts";
import { limitArguments, pairs, userArguments } from "./container-arguments.ts";
import { writeSecretEnv } from "./container-files.ts";
import { ensureImage } from "./container-image.ts";
import type { ContainerState } from "./container-state.ts";
import { isListening } from "./listening-port.ts";
import type { TestPod, TestService } from "./test-pod.ts";

export interface ContainerServicesOptions {
  readonly engine: "podman" | "docker";
  readonly pod: TestPod;
  /** Private to this user: for logs and files of secrets. */
  readonly directory: string;
  /** Whether this machine can limit memory and CPU. */
  readonly limits: boolean;
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  /** Of the whole start. */
  readonly signal: AbortSignal;
}

const pollMs = 1000;
const askMs = 5000;
/** It holds the network that services and test share, as the pause container of a pod does, and ends at once. */
const holdScript = "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done";
/** Shells read files by themselves: no program of the image is needed. */
const socketScript =
  'for file in tcp tcp6; do while read -r line; do echo "$line"; done <"/proc/net/$file"; done 2>/dev/null';

/** Name of the container whose network the others share; a test without services has a network of its own. */
export function networkName({ name, services }: Pick<TestPod, "name" | "services">): string | undefined {
  return services.length === 0 ? undefined : `${name}-network`;
}

/** Names of the containers beside the test's own, those first that need the others. */
export function serviceNames(pod: Pick<TestPod, "name" | "services">): readonly string[] {
  const network = networkName(pod);
  return network === undefined ? [] : [...pod.services.map((service) => nameOf(pod, service)), network];
}

/**
 * Starts the services one after another, each when the one before is ready. Throws DomainError `container-start-failed` for one that ends
 * before it was, and `pending-timeout` when the signal's time is over.
 */
export async function startServices(options: ContainerServicesOptions): Promise<void> {
  const { pod } = options;
  const network = networkName(pod);
  if (network === undefined) return;
  await startNetwork(network, options);
  for (const service of pod.services) {
    await startService(service, network, options);
    await waitUntilReady(service, network, options);
  }
}

/** Services that broke while the test ran, in words: they may be what it failed of. */
export async function brokenServices(options: ContainerServicesOptions): Promise<string> {
  const words = await Promise.all(
    options.pod.services.map(async (service) => {
      const state = await stateOf(nameOf(options.pod, service), options);
      if (state.Running) return "";
      const how = state.OOMKilled ? "was out of memory" : `ended with exit code ${state.ExitCode}`;
      return ` Service ${service.name} ${how} while the test ran.`;
    }),
  );
  return words.join("");
}

async function startNetwork(name: string, options: ContainerServicesOptions): Promise<void> {
  const { pod } = options;
  // Without a wrapper the test's image may have no shell.
  const image = pod.wrap ? pod.image : (pod.services[0]?.image ?? pod.image);
  await ensureImage({ ...options, image });
  const command = ["--entrypoint=/bin/sh", image, "-c", holdScript];
  await run(["create", `--name=${name}`, ...commonArguments(options, name), ...command], options);
  await run(["start", name], options);
}

async function startService(service: TestService, network: string, options: ContainerServicesOptions): Promise<void> {
  const { pod, directory, limits } = options;
  const name = nameOf(pod, service);
  await ensureImage({ ...options, image: service.image });
  const envFile = join(directory, `${service.name}.env`);
  const secrets = Object.entries(service.secretEnv).map(([variable, from]) => [variable, pod.secretEnv[from] ?? ""]);
  const inherited = await writeSecretEnv(envFile, Object.fromEntries(secrets));
  const [program, ...words] = service.command;
  const args = [
    "create",
    `--name=${name}`,
    ...commonArguments(options, name),
    `--network=container:${network}`,
    `--env-file=${envFile}`,
    ...pairs("--env", service.env),
    ...Object.keys(inherited).map((variable) => `--env=${variable}`),
    ...limitArguments({ limits, pod: { ...service, shmSize: undefined } }),
    ...userArguments(service.user ?? pod.runAs),
    ...(program === undefined ? [] : [`--entrypoint=${program}`]),
    service.image,
    ...words,
    ...service.args,
  ];
  await run(args, { ...options, env: { ...options.env, ...inherited } });
  await run(["start", name], options);
}

/** No GPU, no capability, no way to a new one; our labels, so that a later run finds what this one left. */
function commonArguments({ engine, pod, directory }: ContainerServicesOptions, name: string): string[] {
  return [
    "--pull=never",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--env=NVIDIA_VISIBLE_DEVICES=void",
    ...(engine === "podman" ? ["--log-driver=k8s-file", `--log-opt=path=${join(directory, `${name}.log`)}`] : []),
    ...pairs("--label", { ...pod.annotations, ...pod.labels }),
  ];
}

async function waitUntilReady(service: TestService, network: string, options: ContainerServicesOptions): Promise<void> {
  const words = `service ${service.name} runs and is not ready yet`;
  try {
    for (let round = 0; ; round++) {
      const state = await stateOf(nameOf(options.pod, service), options);
      if (!state.Running) throw await neverReady(service, state, options);
      if (await isReady(service, network, options)) return;
      if (round === 0) options.log.info(`Waiting: ${words}.`);
      await sleep(pollMs, options.signal);
    }
  } catch (error) {
    const isLate = options.signal.aborted && error instanceof DomainError && error.code === "deadline-exceeded";
    if (!isLate) throw error;
    throw new DomainError("pending-timeout", `${error.message} The ${words}.`, { retryable: true, cause: error });
  }
}

async function neverReady(service: TestService, state: ContainerState, options: ContainerServicesOptions) {
  const { stdout, stderr } = await run(["logs", "--tail", "5", nameOf(options.pod, service)], options, true);
  const how = state.OOMKilled ? "is out of memory" : `ends with exit code ${state.ExitCode}`;
  const message = `Service ${service.name} ${how} and never was ready. ${`${stdout}${stderr}`.trim()}`.trim();
  return new DomainError("container-start-failed", message);
}

async function isReady(service: TestService, network: string, options: ContainerServicesOptions): Promise<boolean> {
  const { health } = service;
  if (health === undefined) return true;
  using limit = deadline(`The health of service ${service.name}`, askMs);
  const signal = AbortSignal.any([limit.signal, options.signal]);
  const asked =
    "port" in health
      ? ["exec", network, "/bin/sh", "-c", socketScript]
      : ["exec", nameOf(options.pod, service), ...health.command];
  try {
    const { exitCode, stdout } = await run(asked, { ...options, signal }, true);
    return "port" in health ? isListening(stdout, health.port) : exitCode === 0;
  } catch (error) {
    options.signal.throwIfAborted();
    // A question that hangs is an answer too.
    if (limit.signal.aborted) return false;
    throw error;
  }
}

async function stateOf(name: string, options: ContainerServicesOptions): Promise<ContainerState> {
  const { stdout } = await run(["inspect", "--type", "container", "--format", "{{json .State}}", name], options);
  return JSON.parse(stdout) as ContainerState;
}

function run(args: readonly string[], options: ContainerServicesOptions, ignoreExitCode = false) {
  const { exec, engine, env, signal, directory } = options;
  return exec(engine, args, { env, cwd: directory, signal, ignoreExitCode });
}

function nameOf({ name }: Pick<TestPod, "name">, service: Pick<TestService, "name">): string {
  return `${name}-service-${service.name}`;
}
