import type { Log } from "../log.ts";
import type { BaseDockerfile } from "./base-dockerfile.ts";
import { type ResolveDeps, resolveBases } from "./base-images.ts";
import { type ContextFile, findIgnoreFile, readContext, readIgnoreFile } from "./build-context.ts";
import type { BuildRequest } from "./builder.ts";
import { openDigestCache } from "./digest-cache.ts";
import { type BaseImage, basesLabel, formatBases, inputsHash, inputsHashLabel } from "./inputs-hash.ts";

export interface PlanOptions {
  readonly base: BaseDockerfile;
  /** Absolute path of an existing folder. */
  readonly context: string;
  readonly target: string | undefined;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly platforms: readonly string[];
}

/** A build whose inputs are known to the byte. */
export interface BuildPlan {
  readonly hash: string;
  readonly bases: readonly BaseImage[];
  /** The hash these inputs would have on other base images. */
  readonly rehash: (bases: readonly BaseImage[]) => string;
  readonly files: readonly ContextFile[];
  /** The parts of a request that follow from the inputs. */
  readonly request: Pick<
    BuildRequest,
    "dockerfile" | "context" | "ignoreFile" | "target" | "args" | "labels" | "expectedLabels" | "platforms"
  >;
}

/** Reads everything the build depends on: the context's files that it can read, and the digests of its base images. */
export async function planBuild(options: PlanOptions, deps: ResolveDeps): Promise<BuildPlan> {
  const { base, context, target, labels, platforms } = options;
  warnOfUnknownArgs(options, deps.log);
  const ignoreFile = await findIgnoreFile(base.path, context);
  const [files, bases] = await Promise.all([
    readFiles(options, ignoreFile, deps),
    resolveBases(base.dockerfile.bases, deps),
  ]);
  if (files.some((file) => file.path.startsWith(".git/"))) {
    deps.log.warning(
      "The build can read .git, which every commit changes: add .git to .dockerignore, or each commit builds anew.",
    );
  }
  const inputs = { dockerfile: base.content, target, args: stageArgs(options), labels, platforms, files };
  const rehash = (other: readonly BaseImage[]) => inputsHash({ ...inputs, bases: other });
  const hash = rehash(bases);
  const ownLabels = { [inputsHashLabel]: hash, [basesLabel]: formatBases(bases) };
  return {
    hash,
    bases,
    rehash,
    files,
    request: {
      dockerfile: base.path,
      context,
      ignoreFile,
      target,
      args: options.buildArgs,
      labels: { ...labels, ...ownLabels },
      expectedLabels: { "registry.repo": base.name, "registry.version": base.version, [inputsHashLabel]: hash },
      platforms,
    },
  };
}

/** An argument that no stage declares can only choose base images, and these count by their digests: a registry may move. */
function stageArgs({ base, buildArgs }: PlanOptions): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(buildArgs).filter(([name]) => base.dockerfile.stageArgs.has(name)));
}

function warnOfUnknownArgs({ base, buildArgs }: PlanOptions, log: Log): void {
  const { stageArgs: inStage, globalArgs } = base.dockerfile;
  const unknown = Object.keys(buildArgs).filter(
    (name) => !inStage.has(name) && !globalArgs.has(name) && !isPredefined(name),
  );
  if (unknown.length > 0) log.warning(`No ARG of ${base.path} declares ${unknown.join(", ")}: builders ignore it.`);
}

function isPredefined(name: string): boolean {
  return /^(HTTPS?|FTP|NO|ALL)_PROXY$/i.test(name) || name.startsWith("BUILDKIT_");
}

async function readFiles(
  { base, context }: PlanOptions,
  ignoreFile: string | undefined,
  { env, log, signal }: ResolveDeps,
): Promise<readonly ContextFile[]> {
  let doneBytes = 0;
  const digests = await openDigestCache(context, env);
  const files = await readContext({
    directory: context,
    sources: base.dockerfile.sources,
    ignore: await readIgnoreFile(ignoreFile),
    digests,
    signal,
    onFile: ({ sizeBytes }) => {
      doneBytes += sizeBytes;
      log.progress({ label: "Reading the build context", done: doneBytes, unit: "bytes" });
    },
  });
  await digests.save();
  return files;
}
