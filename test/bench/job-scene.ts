import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BundleOptions, type BundleResult, runBundle } from "../support/bundle.ts";
import { debianParent } from "../support/debian-parent.ts";
import { createRepository, type TestRepository } from "../support/git-repository.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";

/** What all measurements share: a namespace, Debian as the base image, and a project under git. */
export interface JobScene extends AsyncDisposable {
  readonly real: RealCluster;
  readonly base: string;
  readonly project: TestRepository;
}

export async function openJobScene(): Promise<JobScene> {
  const real = await openRealCluster("bench-job");
  const project = await createRepository();
  await project.write("test.sh", 'sleep "$1"\n');
  await project.write("src/vector.txt", "1 2 3\n".repeat(2000));
  const base = await debianParent(process.env.REGISTRY ?? "", project.parent);
  return {
    real,
    base,
    project,
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      await real[Symbol.asyncDispose]();
    },
  };
}

/** The scene, and an image of the project by digest, which the node has already. */
export interface Benched {
  readonly scene: JobScene;
  readonly image: string;
}

/** Builds the project's image and runs it once, so that the node has pulled it. */
export async function buildImage(scene: JobScene): Promise<Benched> {
  await scene.project.commit("Start");
  const [run, cwd] = [`warm-${process.pid}`, scene.project.path];
  const { outputs } = await runStep({ action: "build-source-image", inputs: { base: scene.base }, run, cwd });
  const image = outputs["pull-ref"] ?? "";
  const inputs = { image, namespace: scene.real.namespace, command: "true", gpus: "0" };
  await runStep({ action: "run-k8s-gpu-test", inputs, run, cwd });
  return { scene, image };
}

/** A step of a workflow, as its runner starts it. */
export interface Step extends BundleOptions {
  readonly action: string;
  readonly cwd: string;
  /** Value of GITHUB_RUN_ID: it names the Job. */
  readonly run: string;
}

/** Runs an action's bundle in the cluster of the environment; throws with what it said when it does not end with 0. */
export async function runStep({ action, run, env, ...rest }: Step): Promise<BundleResult> {
  const { KUBECONFIG = "" } = process.env;
  const result = await runBundle(action, { ...rest, env: { KUBECONFIG, GITHUB_RUN_ID: run, ...env } });
  if (result.exitCode !== 0) throw new Error(`${action} ended with ${result.exitCode}:\n${result.stdout}`);
  return result;
}

/** Copies the project's files without its history. */
export async function copyOfTree({ path }: TestRepository): Promise<AsyncDisposable & { readonly path: string }> {
  const copy = await mkdtemp(join(tmpdir(), "gpu-ci-bench-"));
  await cp(path, copy, { recursive: true, filter: (source) => !source.endsWith("/.git") });
  return { path: copy, [Symbol.asyncDispose]: () => rm(copy, { recursive: true }) };
}

/** Seconds since 1970 by the clock that containers share with this machine. */
export function nowSeconds(): number {
  return (performance.timeOrigin + performance.now()) / 1000;
}
