import { formatDuration } from "../../lib/duration.ts";
import type { Engine, RunningShard, RunningTest } from "../../lib/engine/engine.ts";
import { terminationOf } from "../../lib/engine/failed-termination.ts";
import type { Termination, TestPod } from "../../lib/engine/test-pod.ts";
import { secretsOf } from "../../lib/engine/test-secrets.ts";
import { describeError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { relayLog } from "./relay-log.ts";
import type { ResultsFolder, ShardFolder } from "./results-folder.ts";
import { createSharedConsole, type ShardConsole } from "./shared-console.ts";
import { saveDismissed, saveRemoved, saveStarted } from "./state.ts";

type Deps = Pick<Host, "log" | "state" | "console" | "env" | "signal">;

/** What was seen of one shard. */
export interface Observed {
  readonly termination: Termination;
  readonly podName: string | undefined;
  readonly logComplete: boolean;
}

/** What one shard is watched with. */
interface Place {
  readonly folder: ShardFolder;
  readonly console: ShardConsole;
  readonly secrets: readonly string[];
  readonly name: string;
}

/** Starts the test, watches it to its end, and removes it, whatever happened. */
export async function observeTest(
  engine: Engine,
  pod: TestPod,
  folder: ResultsFolder,
  deps: Deps,
): Promise<readonly Observed[]> {
  const many = pod.shards > 1 ? `${pod.shards} shards, each ` : "";
  deps.log.info(
    `Starting ${pod.name} with ${many}${pod.gpus} ${pod.gpuResource}; pending-timeout ${formatDuration(pod.pendingTimeoutMs)}.`,
  );
  saveStarted(deps.state, {
    engine: engine.name,
    name: pod.name,
    run: pod.labels["gpu-ci/run"] ?? "",
    shards: pod.shards,
  });
  return await observeRunning(() => engine.start(pod), pod, folder, deps);
}

/**
 * Watches all shards of a test to their ends, and removes it, whatever happened. What stopped a shard from having an end of its own is its
 * end.
 */
export async function observeRunning(
  start: () => Promise<RunningTest>,
  pod: TestPod,
  folder: ResultsFolder,
  deps: Deps,
): Promise<readonly Observed[]> {
  const secrets = secretsOf(pod);
  const console = createSharedConsole(secrets, deps);
  let running: RunningTest | undefined;
  try {
    running = await start();
    const watched = running.shards.map((shard, index) => {
      const name = pod.shards > 1 ? `Shard ${index}` : "The test";
      const prefix = pod.shards > 1 ? `[${index}] ` : "";
      const place = folder.shards[index] ?? folder;
      return observeShard(shard, { folder: place, console: console.shard(prefix), secrets, name }, deps);
    });
    return await Promise.all(watched);
  } catch (error) {
    const termination = terminationOf(error);
    if (!termination) throw error;
    return folder.shards.map(() => ({ termination, podName: undefined, logComplete: false }));
  } finally {
    await console.end();
    await removeOrWarn(running, deps);
  }
}

async function observeShard(shard: RunningShard, place: Place, { log }: Deps): Promise<Observed> {
  const { folder, console, secrets, name } = place;
  // It says how the test ended at once: its log and its files may still be on their way.
  const announceEnd = async () => {
    const termination = await shard.ended();
    log.info(`${name} ended: ${termination.detail}`);
    return termination;
  };
  try {
    const [termination, files, fileGap] = await Promise.all([
      announceEnd(),
      shard.collect(folder.artifacts),
      relayLog({ log: shard.log(), file: folder.logFile, secrets, console }),
    ]);
    const gap = shard.logGap() ?? fileGap;
    if (gap !== undefined) log.warning(`The log is not complete: ${gap}`);
    if (files.length > 0) log.info(`${files.length} files came back into ${folder.artifacts}.`);
    return { termination, podName: shard.podName(), logComplete: gap === undefined };
  } catch (error) {
    const termination = terminationOf(error);
    if (!termination) throw error;
    return { termination, podName: shard.podName(), logComplete: false };
  }
}

/** A verdict stands even if the cluster cannot be reached any more: the post step, a later run and the Job's own time to live remain. */
async function removeOrWarn(running: RunningTest | undefined, { log, state, signal }: Deps): Promise<void> {
  try {
    if (running?.dismiss && state.hasPost && !signal.aborted) {
      await running.dismiss();
      return saveDismissed(state);
    }
    await running?.remove();
    saveRemoved(state);
  } catch (error) {
    log.warning(`The test could not be removed yet: ${describeError(error)}`);
  }
}
