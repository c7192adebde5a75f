import { readWorkflowManifest } from "../../cli/action-manifest.ts";
import { runPipeline } from "../../cli/pipeline.ts";
import { checkPipelineConfig } from "../../cli/pipeline-check.ts";
import { type PipelineConfig, readPipelineConfig } from "../../cli/pipeline-config.ts";
import type { StageLine, Stages } from "../../cli/stages.ts";
import { exec } from "../../lib/exec.ts";
import { findLocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import { connectKubernetes, findKubeconfig } from "../../lib/kubernetes/client.ts";
import { type Log, silentLog } from "../../lib/log.ts";
import { openRegistry } from "../../lib/oci/registry-client.ts";
import { ensureRegistry } from "./loopback-registry.ts";
import { ensurePackages } from "./packages.ts";
import { hasParentImage, makeParentImage, mirrorHub, publicRegistryAnswers } from "./parent-image.ts";
import { releaseInDryRun } from "./release.ts";

const caller = "examples/vector-add/.github/workflows/gpu.yml";
const usualRegistry = "localhost:32000";

/** What a demo is run with. */
export interface DemoOptions {
  readonly stages: Stages;
  readonly outputs: Map<string, string>;
  readonly folder: string;
  readonly gpus: string | undefined;
  readonly registry: string | undefined;
}

/** Gets what the machine lacks, then runs the pipeline of `gpu-ci run` on the example, then the release in dry-run. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { stages, outputs, folder } = options;
  const { root, env } = stages.options;
  const kubeconfig = findKubeconfig({ env }) === undefined ? undefined : "";

  await checkPipelineConfig(root, await readConfig(options, options.registry ?? "auto"));
  await stages.step("packages", (log) => installPackages(options, log, kubeconfig === undefined));
  const { registry } = await stages.step("registry", () => provideRegistry(options, kubeconfig !== undefined));
  await stages.step("parent image", (log) => provideParent(options, log, registry));

  const config = await readConfig(options, registry);
  const secrets = { "secret-env": "", "registry-username": "", "registry-password": "" };
  const place = { kubeconfig, context: undefined, secrets };
  const exitCode = await runPipeline({ config, place, stages, outputs, folder });
  if (exitCode === 0) return releaseInDryRun({ stages, outputs, folder });
  stages.skip("github-release", "the test did not pass");
  return exitCode;
}

/** The caller workflow of the example, with what was typed. */
async function readConfig({ stages, gpus }: DemoOptions, registry: string): Promise<PipelineConfig> {
  const { root } = stages.options;
  const manifest = await readWorkflowManifest(root, "workflows/gpu-ci.yml");
  const typed = new Map([["registry", registry]]);
  if (gpus !== undefined) typed.set("gpus", gpus);
  return readPipelineConfig({ manifest, file: caller, options: typed, inputs: new Map(), directory: root, env: {} });
}

async function installPackages({ stages }: DemoOptions, log: Log, engine: boolean): Promise<StageLine> {
  const { env, signal } = stages.options;
  const installed = await ensurePackages({ exec, env, log, signal, engine, debootstrap: false });
  return installed.length === 0
    ? { outcome: "unchanged", detail: "all there" }
    : { detail: `installed ${installed.join(", ")}` };
}

/** The registry that was asked for, else the cluster's, else the demo's own. */
async function provideRegistry(
  options: DemoOptions,
  cluster: boolean,
): Promise<StageLine & { readonly registry: string }> {
  if (options.registry !== undefined)
    return { outcome: "unchanged", detail: options.registry, registry: options.registry };
  const { env, signal } = options.stages.options;
  const clusters = cluster ? await findClusterRegistry(env, signal) : undefined;
  if (clusters !== undefined) return { outcome: "unchanged", detail: `${clusters}, the cluster's`, registry: clusters };
  const { registry, started } = await ensureRegistry({ folder: options.folder, exec, signal });
  const detail = `${registry}, ${started ? "started" : "runs already"}; npm run demo -- --down stops it`;
  return { ...(started ? {} : { outcome: "unchanged" as const }), detail, registry };
}

async function findClusterRegistry(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string | undefined> {
  const place = { kubeconfig: undefined, context: undefined, namespace: undefined };
  const announced = await findLocalRegistry(await connectKubernetes({ ...place, env, log: silentLog }), signal);
  if (announced) return announced.push;
  using client = openRegistry({
    registry: usualRegistry,
    env,
    log: silentLog,
    signal,
    retry: { attempts: 1, baseMs: 0, maxMs: 0 },
  });
  const answer = await client.ping().catch(() => "absent");
  return answer === "ok" ? usualRegistry : undefined;
}

/** Where no public registry can be reached, the parent of the base image is made of Debian's packages and served by the demo's registry. */
async function provideParent({ stages, folder }: DemoOptions, log: Log, registry: string): Promise<StageLine> {
  const { env, signal, tempDirectory } = stages.options;
  const place = { registry, folder, tempDirectory, exec, env, log, signal };
  if (await hasParentImage(place)) {
    await mirrorHub(place);
    return { outcome: "unchanged", detail: `${registry} has it from an earlier run` };
  }
  if (await publicRegistryAnswers(env, signal)) return { outcome: "unchanged", detail: "a public registry answers" };
  await ensurePackages({ exec, env, log, signal, engine: false, debootstrap: true });
  const digest = await makeParentImage(place);
  await mirrorHub(place);
  return { detail: `no public registry answers: made of Debian's packages, ${digest.slice(0, 19)}` };
}
