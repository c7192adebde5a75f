import { formatDuration } from "../../lib/duration.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import { resumeTest } from "../../lib/engine/kubernetes-resume.ts";
import { identifyProcess } from "../../lib/engine/run-process.ts";
import { testIdentity } from "../../lib/engine/test-identity.ts";
import { resolveTestImage } from "../../lib/engine/test-image.ts";
import { secretsOf } from "../../lib/engine/test-secrets.ts";
import { fillRandom, pinServices, resolveServices } from "../../lib/engine/test-service.ts";
import { exitCodeOfError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { connectKubernetes } from "../../lib/kubernetes/client.ts";
import { annotationsOf } from "../../lib/report/annotations.ts";
import { isDisrupted } from "../../lib/report/attempts.ts";
import { exitCodeOf } from "../../lib/report/conclusion.ts";
import type { Report } from "../../lib/report/report.ts";
import { renderSummary } from "../../lib/report/summary.ts";
import { chooseEngine } from "./choose-engine.ts";
import { withCommitStatus } from "./commit-status.ts";
import type { Inputs } from "./inputs.ts";
import { judgeTest } from "./judge-test.ts";
import { readLastReport } from "./last-report.ts";
import { observeRunning, observeTest } from "./observe-test.ts";
import { type Outputs, toOutputs } from "./outputs.ts";
import { createResultsFolder, type ResultsFolder } from "./results-folder.ts";
import { readSecretFiles } from "./secret-files.ts";
import { prepareStack } from "./stack.ts";
import { type Found, gpusRequiredOf, toTestPod } from "./to-test-pod.ts";

type Deps = Omit<Host, "input" | "output">;

/** Time beyond its deadlines after which a later run may sweep what this one left behind. */
const sweepAllowanceMs = 900_000;

/**
 * Runs one test on a GPU and gives its verdict; a failed test is a result, not an error. Leaves the log, the files and report.json in
 * gpu-ci-results, and nothing in the cluster. Throws InputError or DomainError for what stands in the way before anything is created.
 */
export async function runK8sGpuTest(inputs: Inputs, deps: Deps): Promise<Outputs> {
  return await withCommitStatus(inputs, deps, () => runTest(inputs, deps));
}

async function runTest(given: Inputs, deps: Deps): Promise<Outputs> {
  const inputs = { ...given, secretEnv: fillRandom(given.secretEnv) };
  for (const secret of Object.values(inputs.secretEnv)) deps.mask(secret);

  const secretFiles = await readSecretFiles(inputs);
  const stack = await prepareStack(inputs, deps);
  let engine = await chooseEngine(inputs, stack, deps);
  const image = await resolveTestImage({ ...inputs, ...deps });
  const services = resolveServices(await pinServices(inputs.services, deps));
  for (const secret of Object.values(services.secretEnv)) deps.mask(secret);
  const gpus = await chooseGpus(inputs, engine, deps);

  const last = await readLastReport(inputs, deps);
  const lastCases = last?.cases ?? [];
  const found = { image, services, gpus, masked: stack?.secrets ?? [], secretFiles, lastCases };
  const attempts: Report[] = [];
  for (;;) {
    const { report, folder } = await tryTest({ inputs, engine, found, attempts, last }, deps);
    if (!isDisrupted(report) || attempts.length >= inputs.retryOnDisruption || deps.signal.aborted)
      return conclude(report, folder, inputs, deps);
    attempts.push(report);
    deps.log.warning(
      `Disrupted, trying again (${attempts.length} of ${inputs.retryOnDisruption}): ${report.detail} Its log is ${folder.logFile}.`,
    );
    engine = await chooseEngine(inputs, stack, deps);
  }
}

interface TryOptions {
  readonly inputs: Inputs;
  readonly engine: Engine;
  readonly found: Omit<Found, "identity" | "process">;
  /** Reports of the attempts before this one. */
  readonly attempts: readonly Report[];
  readonly last: Report | undefined;
}

/** One attempt, under a name and in a folder of its own. */
async function tryTest({ inputs, engine, found, attempts, last }: TryOptions, deps: Deps) {
  const startedAt = deps.now();
  // A stack may wait as long as the test does after it.
  const lifeMs = inputs.shards * (2 * inputs.pendingTimeoutMs + inputs.timeoutMs + sweepAllowanceMs);
  const identity = testIdentity(deps.run, new Date(startedAt.getTime() + lifeMs), attempts.length);
  const pod = toTestPod(inputs, { ...found, identity, process: await identifyProcess() });
  const folder = await createResultsFolder(inputs.workingDirectory, pod);
  const observed = await observeTest(engine, pod, folder, deps);
  const { results } = inputs;
  const gpusRequired = gpusRequiredOf(inputs);
  const seen = { observed, pod, folder, engine: engine.name, startedAt, results, gpusRequired, attempts, last };
  return { report: await judgeTest(seen, deps), folder };
}

/** What `gpu-ci resume` is told. */
export interface ResumeInputs extends Pick<Inputs, "kubeconfig" | "context" | "namespace" | "workingDirectory"> {
  /** Value of the label gpu-ci/run, or the name of the Job. */
  readonly run: string;
}

/** Goes on with a test whose runner died: follows it, brings its log and files back, judges it and removes it, as that runner would have. */
export async function resumeK8sGpuTest(inputs: ResumeInputs, deps: Deps): Promise<Outputs> {
  const cluster = await connectKubernetes({ ...inputs, env: deps.env, log: deps.log });
  const resumed = await resumeTest(cluster, inputs.run, deps);
  const { pod, startedAt, note, running } = resumed;
  for (const secret of secretsOf(pod)) deps.mask(secret);
  const folder = await createResultsFolder(inputs.workingDirectory, pod);
  const observed = await observeRunning(async () => running, pod, folder, deps);
  const seen = { observed, pod, folder, engine: "kubernetes", startedAt, attempts: [] } as const;
  const report = await judgeTest({ ...seen, ...note }, deps);
  await resumed.remove();
  return conclude(report, folder, { summary: false }, deps);
}

async function conclude(report: Report, folder: ResultsFolder, inputs: Pick<Inputs, "summary">, deps: Deps) {
  await publish(report, inputs, deps);
  const exitCode = deps.signal.aborted ? exitCodeOfError(deps.signal.reason) : exitCodeOf(report.conclusion);
  return toOutputs(report, folder, exitCode);
}

/** `auto` is 1 where a pod could get one, else 0. A number is taken as it is: whether it can be had, the scheduler says. */
async function chooseGpus({ gpus, gpuResource }: Inputs, engine: Engine, { log }: Deps): Promise<number> {
  if (gpus !== "auto") return gpus;
  const count = await engine.gpuCount(gpuResource);
  log.info(
    count > 0
      ? `gpus: auto takes 1 of ${count} ${gpuResource}.`
      : `gpus: auto takes 0, for no ${gpuResource} is allocatable.`,
  );
  return Math.min(count, 1);
}

/** Tells the verdict to everybody who asks: the log, the job summary, and the annotations beside the code. */
async function publish(report: Report, { summary }: Pick<Inputs, "summary">, deps: Deps): Promise<void> {
  const times = `queue ${formatDuration(report.queueMs)}, pull ${formatDuration(report.pullMs)}, run ${formatDuration(report.runMs)}`;
  deps.log.info(`Verdict: ${report.conclusion} (${report.reason}) after ${times}. ${report.detail}`);
  if (summary) await deps.summary(renderSummary(report));
  for (const annotation of annotationsOf(report)) deps.annotate(annotation);
}
