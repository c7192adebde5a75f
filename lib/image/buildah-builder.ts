import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuildahSetup, probeBuildah } from "./buildah-setup.ts";
import { type BuildahStore, openBuildahStore, removeWorkingContainers } from "./buildah-store.ts";
import { type Builder, type BuilderDeps, type BuildRequest, dockerfileArguments } from "./builder.ts";

export interface BuildahOptions {
  readonly version: string;
  /** Names the storage whose layers are kept for the next build. */
  readonly repository: string;
  readonly tempDirectory: string;
  /** Registries of base images that are spoken to over plain HTTP. */
  readonly plainHttpRegistries: readonly string[];
}

/** buildah, without a daemon; keeps the layers of earlier builds of the repository. */
export function buildahBuilder(options: BuildahOptions): Builder {
  return {
    name: "buildah",
    description: options.version,
    async build(request, deps) {
      const repository = [options.repository, ...request.platforms].join(" ");
      await using store = await openBuildahStore({ ...options, repository, env: request.env });
      const setup = await probeBuildah({ store, ...deps, env: request.env });
      deps.onLine(
        `${options.version}: ${setup.description}.${store.keepsLayers ? "" : " Another build holds the layer cache: none is used."}`,
      );
      await buildWith(request, deps, { options, store, setup });
    },
  };
}

interface Prepared {
  readonly options: BuildahOptions;
  readonly store: BuildahStore;
  readonly setup: BuildahSetup;
}

async function buildWith(request: BuildRequest, deps: BuilderDeps, { options, setup }: Prepared): Promise<void> {
  const env = { ...request.env, ...(await registriesConfiguration(request.env, options)) };
  const run = (args: readonly string[]) =>
    deps.exec("buildah", [...setup.globalFlags, ...args], {
      env,
      signal: deps.signal,
      onStdout: deps.onLine,
      onStderr: deps.onLine,
    });
  try {
    await run(buildahArguments(request, setup.isolation));
    if (request.platforms.length > 1) {
      await run(["manifest", "push", "--all", stored(request), layout(request)]);
    } else if (request.cacheTo.length > 0) {
      await run(["push", "--quiet", stored(request), layout(request)]);
    }
  } finally {
    if (request.platforms.length > 1) {
      await deps.exec("buildah", [...setup.globalFlags, "manifest", "rm", stored(request)], {
        ignoreExitCode: true,
      });
    }
    await removeWorkingContainers(deps.exec, setup.globalFlags);
  }
}

/** The arguments of `buildah`, without the global ones, for one build. */
export function buildahArguments(request: BuildRequest, isolation: BuildahSetup["isolation"]): readonly string[] {
  const list = request.platforms.length > 1;
  return [
    "build",
    "--isolation",
    isolation,
    // As with `docker build` on the host itself: the package mirror that this machine reaches is reached.
    "--network",
    "host",
    // buildah 1.28 takes a layer of another platform for its own when the image is made from scratch.
    list ? "--no-cache" : "--layers",
    "--force-rm",
    "--format",
    "oci",
    "--file",
    request.dockerfile,
    ...(request.ignoreFile === undefined ? [] : ["--ignorefile", request.ignoreFile]),
    ...dockerfileArguments(request),
    // The same label would hold buildah's version, and equal inputs give other bytes after an update.
    "--identity-label=false",
    ...(request.epochSeconds === undefined ? [] : ["--timestamp", String(request.epochSeconds)]),
    ...outputArguments(request),
    request.context,
  ];
}

/** buildah cannot push a cache of what it writes to a layout straight away (it asks its store for an image without a name). */
function outputArguments(request: BuildRequest): readonly string[] {
  if (request.platforms.length > 1) return ["--manifest", stored(request)];
  return ["--tag", request.cacheTo.length > 0 ? stored(request) : layout(request)];
}

/** The name in buildah's own store. */
function stored(request: BuildRequest): string {
  return `localhost/gpu-ci-build:${request.tag}`;
}

function layout(request: BuildRequest): string {
  return `oci:${request.layout}:${request.tag}`;
}

/** Adds plain HTTP for the loopback registries of base images to the machine's own registries.conf, for this build only. */
async function registriesConfiguration(env: NodeJS.ProcessEnv, options: BuildahOptions): Promise<NodeJS.ProcessEnv> {
  if (options.plainHttpRegistries.length === 0) return {};
  const system = await readFile(env.CONTAINERS_REGISTRIES_CONF || "/etc/containers/registries.conf", "utf8").catch(
    () => "",
  );
  const added = options.plainHttpRegistries
    .filter((registry) => !system.includes(`"${registry}"`))
    .map((registry) => `[[registry]]\nlocation = ${JSON.stringify(registry)}\ninsecure = true\n`);
  await mkdir(options.tempDirectory, { recursive: true });
  const path = join(options.tempDirectory, "registries.conf");
  await writeFile(path, [system, ...added].join("\n"));
  return { CONTAINERS_REGISTRIES_CONF: path };
}
