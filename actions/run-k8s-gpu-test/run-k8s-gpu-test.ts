import { writeFile } from "node:fs/promises";
import { formatDuration } from "../../lib/duration.ts";
import type { Engine, RunningTest } from "../../lib/engine/engine.ts";
import { terminationOf } from "../../lib/engine/failed-termination.ts";
import { testIdentity } from "../../lib/engine/test-identity.ts";
import { resolveTestImage } from "../../lib/engine/test-image.ts";
import type { Termination, TestPod } from "../../lib/engine/test-pod.ts";
import { pinServices, resolveServices } from "../../lib/engine/test-service.ts";
import { describeError, exitCodeOfError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { annotationsOf } from "../../lib/report/annotations.ts";
import { exitCodeOf } from "../../lib/report/conclusion.ts";
import { createReport, formatReport, type Report } from "../../lib/report/report.ts";
import { readResultFiles } from "../../lib/report/result-files.ts";
import { renderSummary } from "../../lib/report/summary.ts";
import { maskText } from "../../lib/secret-mask.ts";
import { chooseEngine } from "./choose-engine.ts";
import type { Inputs } from "./inputs.ts";
import { type Outputs, toOutputs } from "./outputs.ts";
import { relayLog } from "./relay-log.ts";
import { createResultsFolder, findResultFiles, type ResultsFolder } from "./results-folder.ts";
import { saveRemoved, saveStarted } from "./state.ts";
import { toTestPod } from "./to-test-pod.ts";

type Deps = Omit<Host, "input" | "output">;

/** Time beyond its deadlines after which a later run may sweep what this one left behind. */
const sweepAllowanceMs = 900_000;

/**
 * Runs one test on a GPU and gives its verdict; a failed test is a result, not an error. Leaves the log, the files and report.json in
 * gpu-ci-results, and nothing in the cluster. Throws InputError or DomainError for what stands in the way before anything is created.
 */
export async function runK8sGpuTest(inputs: Inputs, deps: Deps): Promise<Outputs> {
  for (const secret of Object.values(inputs.secretEnv)) deps.mask(secret);

  const engine = await chooseEngine(inputs, deps);
  const image = await resolveTestImage({ ...inputs, ...deps });
  const services = resolveServices(await pinServices(inputs.services, deps));
  for (const secret of Object.values(services.secretEnv)) deps.mask(secret);
  const gpus = await chooseGpus(inputs, engine, deps);

  const startedAt = deps.now();
  const expires = new Date(startedAt.getTime() + inputs.pendingTimeoutMs + inputs.timeoutMs + sweepAllowanceMs);
  const pod = toTestPod(inputs, { image, services, identity: testIdentity(deps.run, expires), gpus });
  const folder = await createResultsFolder(inputs.workingDirectory, pod.name);

  const observed = await observeTest(engine, pod, folder, deps);

  const suites = await readResultFiles(await findResultFiles(folder.artifacts, inputs.results));
  const report = createReport({
    ...observed,
    suites,
    resultsWanted: inputs.results.length > 0,
    gpusRequired: inputs.gpus === "auto" ? 0 : inputs.gpus,
    engine: engine.name,
    image: pod.image,
    jobName: pod.name,
    startedAt,
    mask: (text) => maskText(text, Object.values(pod.secretEnv)),
  });
  await publish(report, folder, inputs, deps);
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

interface Observed {
  readonly termination: Termination;
  readonly podName: string | undefined;
  readonly logComplete: boolean;
}

/** Starts the test, watches it to its end, and removes it, whatever happened. What stopped it from having an end of its own is its end. */
async function observeTest(engine: Engine, pod: TestPod, folder: ResultsFolder, deps: Deps): Promise<Observed> {
  const { log, state } = deps;
  let running: RunningTest | undefined;
  try {
    log.info(
      `Starting ${pod.name} with ${pod.gpus} ${pod.gpuResource}; pending-timeout ${formatDuration(pod.pendingTimeoutMs)}.`,
    );
    saveStarted(state, { engine: engine.name, name: pod.name, run: pod.labels["gpu-ci/run"] ?? "" });
    running = await engine.start(pod);

    const [termination, files] = await Promise.all([
      announceEnd(running, deps),
      running.collect(folder.artifacts),
      relayLog(running.log(), folder.logFile, Object.values(pod.secretEnv), deps),
    ]);

    const gap = running.logGap();
    if (gap !== undefined) log.warning(`The log is not complete: ${gap}`);
    if (files.length > 0) log.info(`${files.length} files came back into ${folder.artifacts}.`);
    return { termination, podName: running.podName(), logComplete: gap === undefined };
  } catch (error) {
    const termination = terminationOf(error);
    if (!termination) throw error;
    return { termination, podName: running?.podName(), logComplete: false };
  } finally {
    await removeOrWarn(running, deps);
  }
}

/** Says how the test ended at once: its log and its files may still be on their way. */
async function announceEnd(running: RunningTest, { log }: Deps): Promise<Termination> {
  const termination = await running.ended();
  log.info(`The test ended: ${termination.detail}`);
  return termination;
}

/** A verdict stands even if the cluster cannot be reached any more: the post step, a later run and the Job's own time to live remain. */
async function removeOrWarn(running: RunningTest | undefined, { log, state }: Deps): Promise<void> {
  try {
    await running?.remove();
    saveRemoved(state);
  } catch (error) {
    log.warning(`The test could not be removed yet: ${describeError(error)}`);
  }
}

/** Tells the verdict to everybody who asks: the log, report.json, the job summary, and the annotations beside the code. */
async function publish(report: Report, folder: ResultsFolder, { summary }: Inputs, deps: Deps): Promise<void> {
  const times = `queue ${formatDuration(report.queueMs)}, pull ${formatDuration(report.pullMs)}, run ${formatDuration(report.runMs)}`;
  deps.log.info(`Verdict: ${report.conclusion} (${report.reason}) after ${times}. ${report.detail}`);
  await writeFile(folder.reportFile, formatReport(report));
  if (summary) await deps.summary(renderSummary(report));
  for (const annotation of annotationsOf(report)) deps.annotate(annotation);
}
