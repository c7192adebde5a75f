import { writeFile } from "node:fs/promises";
import { formatDuration } from "../../lib/duration.ts";
import type { Engine } from "../../lib/engine/engine.ts";
import { testIdentity } from "../../lib/engine/test-identity.ts";
import { resolveTestImage } from "../../lib/engine/test-image.ts";
import type { TestPod } from "../../lib/engine/test-pod.ts";
import { pinServices, resolveServices } from "../../lib/engine/test-service.ts";
import { exitCodeOfError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { annotationsOf } from "../../lib/report/annotations.ts";
import { isDisrupted, withAttempts } from "../../lib/report/attempts.ts";
import { exitCodeOf } from "../../lib/report/conclusion.ts";
import { mergeReports } from "../../lib/report/merge-reports.ts";
import { createReport, formatReport, type Report } from "../../lib/report/report.ts";
import { readLogText, readResultFiles } from "../../lib/report/result-files.ts";
import { renderSummary } from "../../lib/report/summary.ts";
import { maskText } from "../../lib/secret-mask.ts";
import { chooseEngine } from "./choose-engine.ts";
import type { Inputs } from "./inputs.ts";
import { type Observed, observeTest } from "./observe-test.ts";
import { type Outputs, toOutputs } from "./outputs.ts";
import { createResultsFolder, findResultFiles, joinLogs, type ResultsFolder } from "./results-folder.ts";
import { type Found, toTestPod } from "./to-test-pod.ts";

type Deps = Omit<Host, "input" | "output">;

/** Time beyond its deadlines after which a later run may sweep what this one left behind. */
const sweepAllowanceMs = 900_000;

/**
 * Runs one test on a GPU and gives its verdict; a failed test is a result, not an error. Leaves the log, the files and report.json in
 * gpu-ci-results, and nothing in the cluster. Throws InputError or DomainError for what stands in the way before anything is created.
 */
export async function runK8sGpuTest(inputs: Inputs, deps: Deps): Promise<Outputs> {
  for (const secret of Object.values(inputs.secretEnv)) deps.mask(secret);

  let engine = await chooseEngine(inputs, deps);
  const image = await resolveTestImage({ ...inputs, ...deps });
  const services = resolveServices(await pinServices(inputs.services, deps));
  for (const secret of Object.values(services.secretEnv)) deps.mask(secret);
  const gpus = await chooseGpus(inputs, engine, deps);

  const attempts: Report[] = [];
  for (;;) {
    const { report, folder } = await tryTest({ inputs, engine, found: { image, services, gpus }, attempts }, deps);
    if (!isDisrupted(report) || attempts.length >= inputs.retryOnDisruption || deps.signal.aborted) {
      await publish(report, inputs, deps);
      const exitCode = deps.signal.aborted ? exitCodeOfError(deps.signal.reason) : exitCodeOf(report.conclusion);
      return toOutputs(report, folder, exitCode);
    }
    attempts.push(report);
    deps.log.warning(
      `Disrupted, trying again (${attempts.length} of ${inputs.retryOnDisruption}): ${report.detail} Its log is ${folder.logFile}.`,
    );
    engine = await chooseEngine(inputs, deps);
  }
}

interface TryOptions {
  readonly inputs: Inputs;
  readonly engine: Engine;
  readonly found: Omit<Found, "identity">;
  /** Reports of the attempts before this one. */
  readonly attempts: readonly Report[];
}

/** One attempt, under a name and in a folder of its own. */
async function tryTest({ inputs, engine, found, attempts }: TryOptions, deps: Deps) {
  const startedAt = deps.now();
  const lifeMs = inputs.shards * (inputs.pendingTimeoutMs + inputs.timeoutMs + sweepAllowanceMs);
  const identity = testIdentity(deps.run, new Date(startedAt.getTime() + lifeMs), attempts.length);
  const pod = toTestPod(inputs, { ...found, identity });
  const folder = await createResultsFolder(inputs.workingDirectory, pod);

  const observed = await observeTest(engine, pod, folder, deps);

  await joinLogs(folder);
  const report = await judgeTest({ observed, inputs, pod, folder, engine: engine.name, startedAt });
  const whole = withAttempts(report, attempts);
  await writeFile(folder.reportFile, formatReport(whole));
  return { report: whole, folder };
}

interface JudgeOptions {
  readonly observed: readonly Observed[];
  readonly inputs: Inputs;
  readonly pod: TestPod;
  readonly folder: ResultsFolder;
  readonly engine: Engine["name"];
  readonly startedAt: Date;
}

/** Each shard is judged by its own end and its own result files, and the test by all of them. */
async function judgeTest({ observed, inputs, pod, folder, engine, startedAt }: JudgeOptions): Promise<Report> {
  const judgeShard = async (shard: Observed, index: number) => {
    const { artifacts, logFile } = folder.shards[index] ?? folder;
    const suites = await readResultFiles(await findResultFiles(artifacts, inputs.results));
    // What was killed before it wrote its results may have named its cases in its log.
    const isSilent = suites.length === 0 && shard.termination.reason !== "passed";
    return createReport({
      ...shard,
      suites: isSilent ? await readLogText(logFile) : suites,
      resultsWanted: inputs.results.length > 0,
      gpusRequired: inputs.gpus === "auto" ? 0 : inputs.gpus,
      engine,
      image: pod.image,
      jobName: pod.name,
      startedAt,
      mask: (text) => maskText(text, Object.values(pod.secretEnv)),
    });
  };
  return mergeReports(await Promise.all(observed.map(judgeShard)));
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
async function publish(report: Report, { summary }: Inputs, deps: Deps): Promise<void> {
  const times = `queue ${formatDuration(report.queueMs)}, pull ${formatDuration(report.pullMs)}, run ${formatDuration(report.runMs)}`;
  deps.log.info(`Verdict: ${report.conclusion} (${report.reason}) after ${times}. ${report.detail}`);
  if (summary) await deps.summary(renderSummary(report));
  for (const annotation of annotationsOf(report)) deps.annotate(annotation);
}
