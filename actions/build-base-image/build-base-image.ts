import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { InputError } from "../../lib/error.ts";
import { tryGit } from "../../lib/git/run-git.ts";
import type { Host } from "../../lib/host.ts";
import { type BaseDockerfile, readBaseDockerfile } from "../../lib/image/base-dockerfile.ts";
import { loopbackRegistries } from "../../lib/image/base-images.ts";
import { namedCaches } from "../../lib/image/build-cache.ts";
import { type BuildPlan, planBuild } from "../../lib/image/build-plan.ts";
import { openBuilderOutput } from "../../lib/image/builder-output.ts";
import { chooseBuilder } from "../../lib/image/choose-builder.ts";
import { requireFreeSpace } from "../../lib/image/disk-space.ts";
import { dockerfileWarnings } from "../../lib/image/dockerfile-warnings.ts";
import { inputsTag } from "../../lib/image/inputs-hash.ts";
import type { BuiltLayout } from "../../lib/image/layout.ts";
import { findPublishedImage } from "../../lib/image/published-image.ts";
import { requireReplaceable, runBuild } from "../../lib/image/run-build.ts";
import { readSecrets } from "../../lib/image/secrets.ts";
import { formatSize } from "../../lib/size.ts";
import { stampSeconds } from "../../lib/version/stamp.ts";
import { decide } from "./decide.ts";
import { cudaWarnings, diskWarnings, listNodes } from "./examine-nodes.ts";
import type { Inputs } from "./inputs.ts";
import type { Outputs } from "./outputs.ts";
import { openTargetRegistry } from "./target-registry.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "tempDirectory" | "console" | "mask" | "annotate">;

/**
 * Builds the image that a Dockerfile's labels name, unless its registry has one of the same inputs. Throws InputError before anything runs,
 * or DomainError when registry, builder or disk do not allow it; nothing half-made stays behind.
 */
export async function buildBaseImage(inputs: Inputs, deps: Deps): Promise<Outputs> {
  const { base, context, layout, secrets } = await readProject(inputs, deps);
  annotate(base.content, inputs, deps);
  const plan = await planBuild({ ...inputs, base, context }, deps);
  const from = `${inputs.file}: ${describePlan(plan)}`;
  deps.log.info(`${base.name}:${base.version} from ${from}, inputs hash ${plan.hash.slice(0, 12)}.`);

  const { registry, name, decision } = await lookUp(inputs, deps, { base, plan });
  for (const line of decision.warnings) deps.log.warning(line);
  const named = decision.tags.map((tag) => (tag === "version" ? base.version : inputsTag(plan.hash)));
  const tags = [...new Set([...named, ...inputs.tags])];
  const known = { tags, version: base.version, inputsHash: plan.hash };
  if (decision.digest !== undefined) {
    const image = `${name}@${decision.digest}`;
    deps.log.info(`Nothing to build: ${image} was made from the same inputs.`);
    return { ...known, layout: undefined, image, digest: decision.digest, rebuilt: false, sizeBytes: undefined };
  }

  for (const folder of [deps.tempDirectory, dirname(layout)]) await requireFreeSpace(folder, inputs.minFreeBytes);
  const nodes = await listNodes(inputs.kubeconfig, deps);
  for (const line of diskWarnings(nodes)) deps.log.warning(line);
  const { digest, sizeBytes, env } = await build(inputs, deps, { base, plan, layout, secrets, registry });
  for (const line of cudaWarnings(env, nodes)) deps.log.warning(line);
  const image = `${name}:${tags[0]}`;
  deps.log.info(`Built ${image}, ${digest}, ${formatSize(sizeBytes)} in ${layout}.`);
  return { ...known, layout, image, digest, rebuilt: true, sizeBytes };
}

/** Everything that can be wrong about inputs and files is found here, before anything is asked or made. */
async function readProject(inputs: Inputs, deps: Deps) {
  const directory = resolve(deps.env.GITHUB_WORKSPACE ?? ".", inputs.workingDirectory);
  const file = resolve(directory, inputs.file);
  const base = await readBaseDockerfile({ ...inputs, file, fileInput: inputs.file });
  const context = await requireContext(directory, inputs.context);
  const layout = inputs.output ? resolve(directory, inputs.output) : join(deps.tempDirectory, "base-image");
  if (inputs.output) await requireReplaceable(layout, inputs.output);
  return { base, context, layout, secrets: readSecrets(inputs, deps) };
}

function annotate(content: string, { file, workingDirectory }: Inputs, deps: Deps): void {
  for (const { line, message } of dockerfileWarnings(content)) {
    deps.annotate({ level: "warning", title: "Dockerfile", message, file: join(workingDirectory, file), line });
  }
}

async function lookUp(inputs: Inputs, deps: Deps, { base, plan }: Pick<Build, "base" | "plan">) {
  using registry = await openTargetRegistry(inputs, deps);
  const name = registry ? `${registry.registry}/${base.repository}` : base.repository;
  const published =
    registry && inputs.rebuild !== "always"
      ? await findPublishedImage({ client: registry, ...base, ...plan })
      : ({ kind: "absent" } as const);
  return {
    registry: registry?.registry,
    name,
    decision: decide({ ...inputs, published, name, version: base.version }),
  };
}

interface Build {
  readonly base: BaseDockerfile;
  readonly plan: BuildPlan;
  readonly layout: string;
  readonly secrets: ReturnType<typeof readSecrets>;
  /** Where the image belongs; undefined when nobody knows. */
  readonly registry: string | undefined;
}

async function build(inputs: Inputs, deps: Deps, parts: Build): Promise<BuiltLayout> {
  const { base, plan, layout, secrets, registry } = parts;
  const home = registry === undefined ? undefined : `${registry}/${base.repository}`;
  const builder = await chooseBuilder({
    ...deps,
    wanted: inputs.builder,
    repository: base.repository,
    plainHttpRegistries: loopbackRegistries([...base.dockerfile.bases, ...(home ? [home] : [])]),
  });
  const epochSeconds = await findEpoch(plan.request.context, deps);
  return deps.log.group(`Building with ${builder.name}: ${builder.description}`, async () => {
    await using output = openBuilderOutput({ ...deps, secrets: secrets.values });
    const request = {
      ...plan.request,
      secrets: secrets.secrets,
      ...namedCaches(builder.name, inputs, home),
      epochSeconds,
      tag: base.version,
      layout,
      env: { ...deps.env, ...secrets.env },
    };
    return await runBuild(builder, request, { ...deps, onLine: output.line });
  });
}

async function requireContext(directory: string, input: string): Promise<string> {
  const context = resolve(directory, input);
  if ((await stat(context).catch(() => undefined))?.isDirectory()) return context;
  throw new InputError("context", input, "an existing directory", `There is no directory ${context}.`);
}

/** SOURCE_DATE_EPOCH, else the commit's time; outside of git the clock's, and then no two builds are alike to the byte. */
async function findEpoch(directory: string, { exec, env, signal }: Deps): Promise<number | undefined> {
  const seconds = await tryGit({ exec, env, signal, directory }, ["show", "--no-patch", "--format=%ct", "HEAD"]).catch(
    () => undefined,
  );
  if (seconds === undefined && env.SOURCE_DATE_EPOCH === undefined) return undefined;
  return stampSeconds(env, new Date(Number((seconds ?? "0").trim()) * 1000));
}

function describePlan({ files, bases }: BuildPlan): string {
  const known = bases.map(({ reference, digest }) => (digest ? `${reference} (${digest.slice(0, 19)})` : reference));
  return `${files.length} files of the context, base ${known.join(", ") || "scratch"}`;
}
