import { deadline } from "../abort.ts";
import { DomainError } from "../error.ts";
import type { Exec, ExecResult } from "../exec.ts";
import type { Log } from "../log.ts";
import { buildahBuilder } from "./buildah-builder.ts";
import type { Builder } from "./builder.ts";
import { buildctlBuilder, buildctlFlags } from "./buildkit-builder.ts";
import { buildkitFailure, isHungUp } from "./buildkit-failure.ts";
import { buildxBuilder } from "./buildx-builder.ts";

export interface ChooseOptions {
  readonly wanted: "auto" | Builder["name"];
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly repository: string;
  readonly tempDirectory: string;
  readonly plainHttpRegistries: readonly string[];
}

/** `failure` is what stands between us and a program that is there. */
type Probe = { readonly builder: Builder } | { readonly lacks: string; readonly failure?: DomainError };

/**
 * The builder that was asked for, or for `auto` the first that works here: a BuildKit daemon, docker buildx, buildah.
 * Throws DomainError `builder-missing`, which says for each what it lacks, or `buildkit-…` when the daemon that was asked for cannot be spoken with.
 */
export async function chooseBuilder(options: ChooseOptions): Promise<Builder> {
  const probes = { buildkit: probeBuildkit, buildx: probeBuildx, buildah: probeBuildah } as const;
  const names = options.wanted === "auto" ? (["buildkit", "buildx", "buildah"] as const) : [options.wanted];
  const lacking: string[] = [];
  for (const name of names) {
    const found = await probes[name](options);
    if ("builder" in found) return found.builder;
    if (found.failure && options.wanted === name) throw found.failure;
    if (name === "buildkit" && options.env.BUILDKIT_HOST)
      options.log.warning(`The daemon that BUILDKIT_HOST names is not used. ${found.lacks}`);
    lacking.push(`${name}: ${found.lacks}`);
  }
  throw new DomainError("builder-missing", `No program can build the Dockerfile here. ${lacking.join(" ")}`, {
    hint: "Run: apt-get install buildah (no daemon needed); or set BUILDKIT_HOST, or install docker with buildx.",
  });
}

async function probeBuildkit(options: ChooseOptions): Promise<Probe> {
  const version = await tryRun(options, "buildctl", ["--version"]);
  if (!version) return { lacks: "buildctl is not installed." };
  const workers = await askDaemon(options);
  if (workers?.exitCode === 0) {
    const address = options.env.BUILDKIT_HOST || "its default address";
    return { builder: buildctlBuilder(`${version.stdout.trim()}, buildkitd at ${address}`) };
  }
  const failure = buildkitFailure(options.env, workers?.stderr ?? "");
  return { lacks: failure.message, failure };
}

/** Asks again while the daemon only hangs up: the next time its reason may come through. */
async function askDaemon(options: ChooseOptions): Promise<ExecResult | undefined> {
  let answer: ExecResult | undefined;
  for (let attempt = 0; attempt < 5; attempt++) {
    answer = await tryRun(options, "buildctl", [...buildctlFlags(options.env), "debug", "workers"]);
    if (answer === undefined || !isHungUp(answer.stderr)) break;
  }
  return answer;
}

async function probeBuildx(options: ChooseOptions): Promise<Probe> {
  const version = await tryRun(options, "docker", ["buildx", "version"]);
  if (version?.exitCode !== 0) return { lacks: "docker with buildx is not installed." };
  const inspected = await tryRun(options, "docker", ["buildx", "inspect"]);
  if (inspected?.exitCode !== 0) return { lacks: "docker buildx has no builder that answers." };
  const driver = /^Driver:\s*(\S+)/m.exec(inspected.stdout)?.[1] ?? "docker";
  if (driver === "docker" && !(await hasContainerdStore(options))) {
    return {
      lacks:
        "docker's own builder cannot write OCI layouts (run: docker buildx create --driver docker-container --use).",
    };
  }
  return { builder: buildxBuilder(`${version.stdout.trim()}, driver ${driver}`) };
}

/** With containerd's image store docker's own builder can export OCI layouts too. */
async function hasContainerdStore(options: ChooseOptions): Promise<boolean> {
  const info = await tryRun(options, "docker", ["info", "--format", "{{json .DriverStatus}}"]);
  return info?.exitCode === 0 && info.stdout.includes("io.containerd.snapshotter");
}

async function probeBuildah(options: ChooseOptions): Promise<Probe> {
  const version = await tryRun(options, "buildah", ["--version"]);
  if (version?.exitCode !== 0) return { lacks: "buildah is not installed." };
  const name = /^buildah version \S+/.exec(version.stdout)?.[0] ?? "buildah";
  return { builder: buildahBuilder({ ...options, version: name }) };
}

/** The result of a short question to a program; undefined when there is no such program or it does not answer in time. */
async function tryRun(
  options: ChooseOptions,
  command: string,
  args: readonly string[],
): Promise<ExecResult | undefined> {
  using limit = deadline(`${command} ${args.join(" ")}`, 15_000, options.signal);
  try {
    return await options.exec(command, args, { env: options.env, signal: limit.signal, ignoreExitCode: true });
  } catch {
    options.signal.throwIfAborted();
    return undefined;
  }
}
