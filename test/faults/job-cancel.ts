import { setTimeout as sleep } from "node:timers/promises";
import pLimit from "p-limit";
import type { ApiQuestion } from "../support/api-question.ts";
import { snapshotCluster } from "../support/cluster-snapshot.ts";
import { kubeconfigOf, openProxy } from "./face-fault.ts";
import { type JobRun, launch } from "./job-run.ts";
import { type JobScene, openScene } from "./job-scene.ts";
import { jobTools } from "./job-tools.ts";

export interface CancelOptions {
  readonly points: number;
  readonly parallel: number;
  readonly image: string;
}

/** A moment of a run: so long after its start, or so long after the answer to a request of a kind. */
export interface CancelPoint {
  readonly after: string;
  readonly delayMs: number;
  readonly isStubborn: boolean;
}

/** How a run that was cancelled at one point ended. */
export interface Cancelled extends CancelPoint {
  /** Undefined when it still ran long after the signal. */
  readonly exitCode: number | undefined;
  /** From the signal to the end of the main step, and to that of the post step, which a runner always runs after it. */
  readonly mainMs: number;
  readonly exitMs: number;
  /** The run had ended before the signal: its own verdict stands. */
  readonly wasOver: boolean;
  /** What was there afterwards and not before, and what was missing. */
  readonly left: readonly string[];
  readonly output: string;
}

export interface CancelResult {
  readonly points: number;
  /** Clean, with the exit code of a cancelled run, within 7 s. */
  readonly clean: number;
  readonly falseGreens: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly afterWrites: Readonly<Record<string, number>>;
  readonly stubborn: number;
  /** Points at which the run was over already: its own verdict stood. */
  readonly tooLate: number;
  readonly dirty: readonly Cancelled[];
}

const exitLimitMs = 7000;
const stepMs = 50;
const eachWrite = 10;
const secret = { "secret-env": "TOKEN=hunter2-and-more", artifacts: "x" };
const quick = "mkdir -p x; echo 1 >x/1; sleep 1";
const stubborn = "trap '' TERM; mkdir -p x; echo 1 >x/1; while :; do sleep 1; done";

/** Requests of a run, told by the answer that comes back. */
const writes: Readonly<Record<string, (request: ApiQuestion) => boolean>> = {
  "Secret created": ({ verb, resource }) => verb === "create" && resource === "secrets",
  "Job created": ({ verb, resource }) => verb === "create" && resource === "jobs.batch",
  "owner written": ({ verb, resource }) => verb === "patch" && resource === "secrets",
  "log opened": ({ resource }) => resource === "pods/log",
  "files asked for": ({ resource }) => resource === "pods/exec",
  "Job deleted": ({ verb, resource }) => verb === "delete" && resource === "jobs.batch",
};

/** Cancels one run at each point, and compares all that the API can list before and after. */
export async function cancelEverywhere({ points, parallel, image }: CancelOptions): Promise<CancelResult> {
  const limit = pLimit(parallel);
  const lengthMs = await runLength(image);
  const chosen = pointsOf(points, lengthMs);
  const cancelled = await Promise.all(chosen.map((point) => limit(() => cancelAt(point, image))));
  return summarise(cancelled);
}

function pointsOf(count: number, lengthMs: number): readonly CancelPoint[] {
  const each = Math.min(eachWrite, Math.floor(count / 12));
  const afterWrites = Object.keys(writes).flatMap((after) =>
    Array.from({ length: each }, (_, at) => ({
      after,
      delayMs: at * 7,
      // The Job of a test that never ends is deleted by the cancel alone.
      isStubborn: at % 5 === 4 && after !== "Job deleted",
    })),
  );
  const timed = Array.from({ length: count - afterWrites.length }, (_, at) => ({
    after: "start",
    // Beyond the length of a run begins a second sweep, between the steps of the first.
    delayMs: (at * stepMs) % (lengthMs + stepMs / 2),
    isStubborn: at % 4 === 3,
  }));
  return [...timed, ...afterWrites];
}

async function cancelAt(point: CancelPoint, image: string): Promise<Cancelled> {
  await using scene = await openScene("gpu-ci", image);
  const before = await snapshotCluster(scene.cluster);
  const reached = Promise.withResolvers<void>();
  const isMark = writes[point.after];
  const { proxy, cluster } = await openProxy(scene.folder, {
    onAnswer: (request) => isMark?.(request) && reached.resolve(),
  });
  scene.undo.use(proxy);
  const ended = await runCancelled(point, scene, { cluster, reached });
  const left = difference(before, await snapshotCluster(scene.cluster), scene);
  return { ...point, ...ended, left };
}

async function startRun({ isStubborn }: CancelPoint, { folder, namespace, runId, image }: JobScene, cluster: object) {
  const [tool] = await jobTools();
  if (!tool) throw new Error("There is no tool.");
  const kubeconfig = JSON.stringify(await kubeconfigOf(cluster, undefined));
  const command = isStubborn ? stubborn : quick;
  const order = { folder, kubeconfig, namespace, runId, image, command, inputs: { ...secret }, env: {} };
  const process = launch(await tool.prepare(order), 120_000);
  return { process, finish: (state: JobRun["state"]) => tool.finish(order, state) };
}

async function runCancelled(
  point: CancelPoint,
  scene: JobScene,
  { cluster, reached }: { cluster: object; reached: PromiseWithResolvers<void> },
) {
  const { after, delayMs } = point;
  const { process, finish } = await startRun(point, scene, cluster);
  if (after === "start") reached.resolve();
  await Promise.race([reached.promise, process.ended]);
  await sleep(delayMs);
  const signalledMs = performance.now();
  const wasOver = process.child.exitCode !== null;
  process.child.kill("SIGINT");
  const { exitCode, output, state } = await process.ended;
  const mainMs = Math.round(performance.now() - signalledMs);
  await finish(state);
  const exitMs = Math.round(performance.now() - signalledMs);
  return { exitCode, mainMs, exitMs, wasOver, output };
}

/** How long a run takes that nobody cancels, in milliseconds. */
async function runLength(image: string): Promise<number> {
  await using scene = await openScene("gpu-ci", image);
  const { proxy, cluster } = await openProxy(scene.folder, {});
  scene.undo.use(proxy);
  const never = { after: "start", delayMs: 60_000, isStubborn: false };
  const startedMs = performance.now();
  const { process } = await startRun(never, scene, cluster);
  const { exitCode } = await process.ended;
  if (exitCode !== 0) throw new Error(`A run that nobody cancels ended with ${exitCode}.`);
  return Math.round(performance.now() - startedMs);
}

/** Changes in the namespace, and outside of namespaces those that bear the run's name: others work in the cluster too. */
function difference(before: readonly string[], after: readonly string[], { namespace, runId }: JobScene): string[] {
  const changed = [
    ...after.filter((path) => !before.includes(path)),
    ...before.filter((path) => !after.includes(path)),
  ];
  return changed.filter((path) => path.includes(`/namespaces/${namespace}/`) || path.includes(runId));
}

function summarise(all: readonly Cancelled[]): CancelResult {
  const isClean = ({ left, exitCode, exitMs, wasOver, output }: Cancelled) => {
    // A verdict that was told before the signal came stands.
    const isRight = exitCode === 130 || wasOver || (exitCode === 0 && output.includes("Verdict: success"));
    return isRight && left.length === 0 && exitMs <= exitLimitMs;
  };
  const times = all.map(({ exitMs }) => exitMs).toSorted((one, other) => one - other);
  const quantile = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0;
  const afterWrites = Object.groupBy(
    all.filter(({ after }) => after !== "start"),
    ({ after }) => after,
  );
  return {
    points: all.length,
    clean: all.filter(isClean).length,
    falseGreens: all.filter(({ exitCode, isStubborn }) => exitCode === 0 && isStubborn).length,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    maxMs: times.at(-1) ?? 0,
    afterWrites: Object.fromEntries(Object.entries(afterWrites).map(([name, list]) => [name, list?.length ?? 0])),
    stubborn: all.filter(({ isStubborn }) => isStubborn).length,
    tooLate: all.filter(({ wasOver }) => wasOver).length,
    dirty: all.filter((one) => !isClean(one)).map((one) => ({ ...one, output: one.output.slice(-1000) })),
  };
}
