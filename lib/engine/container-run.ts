import { hostname } from "node:os";
import { PassThrough } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { deadline } from "../abort.ts";
import { DomainError } from "../error.ts";
import { CommandError, type Exec } from "../exec.ts";
import type { Log } from "../log.ts";
import { type Reason, reasons } from "../report/conclusion.ts";
import { containerArguments, removeArguments } from "./container-arguments.ts";
import type { ContainerFiles } from "./container-files.ts";
import { type ContainerImageOptions, ensureImage, imageCommand } from "./container-image.ts";
import { type MemoryWatch, watchMemory } from "./container-memory.ts";
import {
  brokenServices,
  type ContainerServicesOptions,
  networkName,
  serviceNames,
  startServices,
} from "./container-services.ts";
import { type ContainerState, endOfContainer, runMsOf } from "./container-state.ts";
import type { RunningShard } from "./engine.ts";
import { readPodmanLog } from "./podman-log.ts";
import type { Termination, TestPod } from "./test-pod.ts";
import { parseReceipt } from "./wrapper.ts";

/** Seconds between SIGTERM and SIGKILL at the deadline: the wrapper ends the test and gathers its files in that time. */
const stopGraceSeconds = 15;
/** The wrapper ends the test at its timeout; this is for one that does not. */
const wrapperGraceMs = 20_000;
const removeTimeoutMs = 60_000;

export interface ContainerRunOptions {
  readonly engine: "podman" | "docker";
  readonly pod: TestPod;
  readonly files: ContainerFiles;
  readonly gpuArguments: readonly string[];
  readonly limits: boolean;
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

/** One container from the pull of its image to its removal. */
export class ContainerRun implements RunningShard {
  readonly jobName: string;
  readonly #options: ContainerRunOptions;
  readonly #started: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #termination: Promise<Termination>;
  /** From the request to the running container, less the pull. */
  #queueMs = 0;
  #pullMs = 0;
  #hasEnded = false;
  #stopped = false;
  #logGap: string | undefined;
  #removed: Promise<void> | undefined;

  constructor(options: ContainerRunOptions) {
    this.#options = options;
    this.jobName = options.pod.name;
    this.#started.promise.catch(() => {});
    this.#termination = this.#live().finally(() => {
      this.#hasEnded = true;
      this.#started.reject(new Error("The container never started."));
    });
    this.#termination.catch(() => {});
  }

  podName(): string {
    return this.jobName;
  }

  ended(): Promise<Termination> {
    return this.#termination;
  }

  logGap(): string | undefined {
    return this.#logGap;
  }

  async *log(): AsyncGenerator<Uint8Array> {
    const { engine, files, signal } = this.#options;
    const isStarted = await this.#started.promise.then(
      () => true,
      () => false,
    );
    if (!isStarted) return;
    if (engine === "podman") yield* readPodmanLog({ path: files.logFile, ended: () => this.#hasEnded, signal });
    else yield* this.#followDockerLog();
  }

  async collect(directory: string) {
    await this.#termination;
    return this.#options.files.collect(directory);
  }

  /** Removes the container and its files; may be called at any moment and any number of times. */
  remove(): Promise<void> {
    this.#removed ??= this.#remove();
    return this.#removed;
  }

  async #live(): Promise<Termination> {
    const { pod, signal } = this.#options;
    const memory = { watch: undefined as MemoryWatch | undefined };
    try {
      await this.#start();
      const running = await this.#inspect();
      if (running.Pid > 0) memory.watch = watchMemory({ pid: running.Pid, control: this.#options.files.control });
      this.#started.resolve();
      const state = await this.#waitForEnd();
      const receipt = parseReceipt(await this.#options.files.receipt());
      const outOfMemory = memory.watch?.wasKilled() ?? false;
      const end = endOfContainer({ pod, state, receipt, stopped: this.#stopped, outOfMemory });
      const broken = end.reason === "test-failed" ? await brokenServices(this.#services(signal)) : "";
      return this.#terminationOf({ ...end, detail: `${end.detail}${broken}` }, receipt?.gpus ?? [], runMsOf(state));
    } catch (error) {
      signal.throwIfAborted();
      return this.#terminationOf(faultOf(error, this.#options.engine), [], 0);
    } finally {
      memory.watch?.stop();
    }
  }

  #terminationOf(
    end: Pick<Termination, "exitCode" | "reason" | "detail">,
    gpus: Termination["gpus"],
    runMs: number,
  ): Termination {
    return { ...end, node: hostname(), gpus, queueMs: this.#queueMs, pullMs: this.#pullMs, runMs };
  }

  async #start(): Promise<void> {
    const { engine, pod, files, log, now } = this.#options;
    using pending = deadline(`The start of container ${pod.name}`, pod.pendingTimeoutMs, this.#options.signal);
    const image: ContainerImageOptions = { ...this.#options, image: pod.image, signal: pending.signal };
    const requestedAt = now().getTime();
    await ensureImage(image);
    this.#pullMs = now().getTime() - requestedAt;
    const command = pod.command.length === 0 && pod.wrap ? await imageCommand(image) : pod.command;
    await startServices(this.#services(pending.signal));
    const network = networkName(pod);
    await this.#exec(
      containerArguments({ ...this.#options, command, network }),
      { ...files.inheritedEnv },
      pending.signal,
    );
    await this.#exec(["start", pod.name], {}, pending.signal);
    this.#queueMs = now().getTime() - requestedAt - this.#pullMs;
    log.debug(`${engine} started container ${pod.name}.`);
  }

  #services(signal: AbortSignal): ContainerServicesOptions {
    return { ...this.#options, directory: this.#options.files.services, signal };
  }

  async #waitForEnd(): Promise<ContainerState> {
    const { engine, pod, signal } = this.#options;
    const timer = new AbortController();
    const limitMs = pod.timeoutMs + (pod.wrap ? wrapperGraceMs : 0);
    const stopping = this.#stopAfter(limitMs, timer.signal);
    try {
      const interval = engine === "podman" ? ["--interval", "100ms"] : [];
      await this.#exec(["wait", ...interval, pod.name], {}, signal);
    } finally {
      timer.abort();
    }
    await stopping;
    return this.#inspect();
  }

  async #stopAfter(limitMs: number, signal: AbortSignal): Promise<void> {
    const isLate = await delay(limitMs, true, { signal }).catch(() => false);
    if (!isLate) return;
    this.#stopped = true;
    await this.#exec(["stop", "--time", String(stopGraceSeconds), this.jobName], {}, this.#options.signal);
  }

  async #inspect(): Promise<ContainerState> {
    const { stdout } = await this.#exec(
      ["inspect", "--type", "container", "--format", "{{json .State}}", this.jobName],
      {},
      this.#options.signal,
    );
    return JSON.parse(stdout) as ContainerState;
  }

  async *#followDockerLog(): AsyncGenerator<Uint8Array> {
    const { engine, exec, env, signal } = this.#options;
    const sink = new PassThrough();
    const done = exec(engine, ["logs", "--follow", this.jobName], { env, signal, sink }).then(
      () => sink.end(),
      (error: unknown) => {
        this.#logGap = `${engine} logs failed: ${error instanceof Error ? error.message : String(error)}`;
        sink.end();
      },
    );
    yield* sink;
    await done;
  }

  async #remove(): Promise<void> {
    const { engine, exec, env, files, pod } = this.#options;
    // The run's own signal may be aborted by now: cleaning up has a deadline of its own.
    using limit = deadline(`The removal of container ${pod.name}`, removeTimeoutMs);
    const options = { env, signal: limit.signal, ignoreExitCode: true };
    if (!this.#hasEnded) {
      await exec(engine, removeArguments(engine, pod.name), options);
      // What was under way when the run was cancelled, a create for one, may still make the container.
      await this.#termination.catch(() => {});
    }
    const { exitCode, stderr } = await exec(engine, removeArguments(engine, pod.name), options);
    for (const name of serviceNames(pod)) await exec(engine, removeArguments(engine, name), options);
    await files.remove();
    if (exitCode !== 0 && !/no such container|no container with/i.test(stderr)) {
      const message = `${engine} could not remove container ${pod.name}: ${stderr.trim()}`;
      throw new DomainError("engine-failed", message, { retryable: true });
    }
  }

  #exec(args: readonly string[], extraEnv: Readonly<Record<string, string>>, signal: AbortSignal) {
    const { exec, engine, env, files } = this.#options;
    // conmon leaves a file named oom in the directory it was started from: not in the project.
    return exec(engine, args, { env: { ...env, ...extraEnv }, cwd: files.control, signal });
  }
}

function faultOf(error: unknown, engine: string): Pick<Termination, "exitCode" | "reason" | "detail"> {
  if (error instanceof DomainError) {
    const reason: Reason =
      error.code === "deadline-exceeded"
        ? "pending-timeout"
        : error.code in reasons
          ? (error.code as Reason)
          : "engine-failed";
    return { exitCode: undefined, reason, detail: [error.message, error.hint].filter(Boolean).join(" ") };
  }
  if (!(error instanceof CommandError)) throw error;
  const answer = error.stderr.trim().split("\n").at(-1) ?? "";
  if (error.exitCode === 127 && /ENOENT/.test(answer))
    return { exitCode: undefined, reason: "engine-failed", detail: `${engine} is not installed.` };
  const noShell = /(\/bin\/sh|executable file).*(not found|no such file)/i.test(answer);
  const hint = noShell ? " An image without /bin/sh needs `wrap: false`." : "";
  return {
    exitCode: undefined,
    reason: "container-start-failed",
    detail: `${engine} could not start the container: ${answer}${hint}`,
  };
}
