import { formatSize } from "../lib/size.ts";
import type { PipelineConfig } from "./pipeline-config.ts";
import { keepTestFiles } from "./run-record.ts";
import type { StageOutputs, Stages } from "./stages.ts";

/** Inputs of gpu-ci.yml that run-k8s-gpu-test has under the same name. */
export const testInputNames: readonly string[] = [
  "gpus",
  "gpu-resource",
  "cpu",
  "memory",
  "shm-size",
  "env",
  "services",
  "shards",
  "results",
  "artifacts",
  "timeout",
  "pending-timeout",
  "engine",
  "namespace",
];

/** Where a pipeline runs, beside its configuration. */
export interface PipelinePlace {
  /** Path of a kubeconfig; undefined when no cluster is configured, and then podman or docker runs the test. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  /** Values of secrets by the names of gpu-ci.yml. */
  readonly secrets: Readonly<Record<"secret-env" | "registry-username" | "registry-password", string>>;
}

/** What a pipeline needs: its configuration, its place, and who runs its stages. */
export interface PipelineOptions {
  readonly config: PipelineConfig;
  readonly place: PipelinePlace;
  readonly stages: Pick<Stages, "run" | "skip" | "options">;
  /** The outputs of gpu-ci.yml, filled as they become known, so that a failed run has them too. */
  readonly outputs: Map<string, string>;
  /** Where the test's report, log and collected files are kept. */
  readonly folder: string;
}

/** A base image under the names of the kubelet and of this machine. */
interface BaseImage {
  readonly pullRef: string;
  readonly pushRef: string;
}

/** The stages of workflows/gpu-ci.yml in its order, on this machine's working tree. Gives the test's exit code. */
export async function runPipeline(options: PipelineOptions): Promise<number> {
  const { outputs } = options;
  const version = await nameVersion(options);
  outputs.set("version", version("version"));
  outputs.set("image-tag", version("image-tag"));

  const kubeconfig = await findCluster(options);
  const base = await provideBaseImage(options, kubeconfig);
  outputs.set("base-image", base.pullRef);

  const source = await putSourcesOnTop(options, kubeconfig, base.pushRef, version);
  outputs.set("image", source("pull-ref"));

  const { exitCode, test } = await testOnGpu(options, kubeconfig, source("pull-ref"));
  for (const name of ["conclusion", "reason", "passed", "failed", "skipped", "gpu-product"])
    outputs.set(name, test(name));
  await keepTestFiles(options.folder, test);
  return exitCode;
}

async function nameVersion({ config, stages }: PipelineOptions): Promise<StageOutputs> {
  const { outputs } = await stages.run({
    action: "next-version",
    with: { "working-directory": config.get("working-directory") },
    tell: (get) => ({ detail: get("version") }),
  });
  return outputs;
}

async function findCluster({ config, place, stages }: PipelineOptions): Promise<string> {
  const engine = config.get("engine");
  if (engine === "podman" || engine === "docker") {
    stages.skip("setup-microk8s", `${engine} runs the test`);
    return place.kubeconfig ?? "";
  }
  if (place.kubeconfig === undefined && engine === "auto") {
    stages.skip("setup-microk8s", "no cluster is configured: podman or docker runs the test");
    return "";
  }
  const { outputs } = await stages.run({
    action: "setup-microk8s",
    with: { distribution: "existing", kubeconfig: place.kubeconfig ?? "", context: place.context ?? "" },
    tell: (get) => ({ outcome: "unchanged", detail: `Kubernetes ${get("version")}, ${get("gpu-count") || 0} GPUs` }),
  });
  return outputs("kubeconfig");
}

/** Builds the base image and pushes it; both do nothing when the registry has one of the same inputs. */
async function provideBaseImage(options: PipelineOptions, kubeconfig: string): Promise<BaseImage> {
  const given = options.config.get("base-image");
  if (given === "") return pushBaseImage(options, kubeconfig, await buildBaseImage(options, kubeconfig));
  options.stages.skip("build-base-image", `base-image is ${given}`);
  options.stages.skip("push-local-registry", "");
  return { pullRef: given, pushRef: given };
}

async function buildBaseImage(options: PipelineOptions, kubeconfig: string): Promise<StageOutputs> {
  const { config, stages } = options;
  const { outputs } = await stages.run({
    action: "build-base-image",
    with: {
      "working-directory": config.get("working-directory"),
      file: config.get("dockerfile-base"),
      kubeconfig,
      ...registryOf(options),
    },
    tell: (get) =>
      get("rebuilt") === "true"
        ? { detail: `${get("tags").split("\n")[0] ?? ""}, ${formatSize(Number(get("size-bytes")))}` }
        : { outcome: "unchanged", detail: `${shortReference(get("image"))} has the same inputs` },
  });
  return outputs;
}

async function pushBaseImage(options: PipelineOptions, kubeconfig: string, built: StageOutputs): Promise<BaseImage> {
  const { outputs } = await options.stages.run({
    action: "push-local-registry",
    with: {
      source: built("layout") || built("image"),
      image: built("image"),
      tags: built("tags"),
      kubeconfig,
      ...registryOf(options),
    },
    tell: (get, durationMs) => {
      const bytes = Number(get("pushed-bytes"));
      if (bytes === 0) return { outcome: "unchanged", detail: "the registry has it" };
      const rate = formatSize(Math.round(bytes / (durationMs / 1000)));
      return { detail: `${formatSize(bytes)} to ${get("registry")}, ${rate}/s` };
    },
  });
  return { pullRef: outputs("pull-ref"), pushRef: outputs("push-ref") };
}

async function putSourcesOnTop(
  options: PipelineOptions,
  kubeconfig: string,
  base: string,
  version: StageOutputs,
): Promise<StageOutputs> {
  const { config, stages } = options;
  const { outputs } = await stages.run({
    action: "build-source-image",
    with: {
      "working-directory": config.get("working-directory"),
      base,
      ref: "worktree",
      tags: [version("image-tag"), version("branch-tag"), config.get("tags")].filter((tag) => tag !== "").join("\n"),
      kubeconfig,
      ...registryOf(options),
    },
    tell: (get) => ({ detail: `${get("files")} files, ${formatSize(Number(get("layer-size-bytes")))}` }),
  });
  return outputs;
}

async function testOnGpu(options: PipelineOptions, kubeconfig: string, image: string) {
  const { config, place, stages } = options;
  const { outputs, exitCode } = await stages.run({
    action: "run-k8s-gpu-test",
    with: {
      image,
      command: config.get("test-command"),
      ...Object.fromEntries(testInputNames.map((name) => [name, config.get(name)])),
      "secret-env": place.secrets["secret-env"],
      kubeconfig,
      context: place.context ?? "",
      // Its files are copied to the output folder from here.
      "working-directory": stages.options.tempDirectory,
    },
    tell: (get) => ({ detail: testLine(get) }),
  });
  return { test: outputs, exitCode };
}

function testLine(get: StageOutputs): string {
  const counts = (["passed", "failed", "skipped"] as const).map((name) => `${get(name) || 0} ${name}`).join(", ");
  const reason = get("reason") === "passed" ? "" : get("reason");
  return [reason, /[1-9]/.test(counts) ? counts : "no cases", get("gpu-product")]
    .filter((part) => part !== "")
    .join("; ");
}

function registryOf({
  config,
  place,
}: PipelineOptions): Readonly<Record<"registry" | "username" | "password", string>> {
  const { "registry-username": username, "registry-password": password } = place.secrets;
  return { registry: config.get("registry"), username, password };
}

/** A digest in a line for people: twelve digits tell it apart. */
function shortReference(reference: string): string {
  return reference.replace(/(sha256:[0-9a-f]{12})[0-9a-f]{52}/, "$1");
}
