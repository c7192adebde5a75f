import type { ContainerRun } from "./container-run.ts";
import type { RunningShard, RunningTest } from "./engine.ts";
import type { TestPod } from "./test-pod.ts";

/** Starts the container of one shard. */
export type StartContainer = (pod: TestPod) => Promise<ContainerRun>;

/**
 * Runs the shards of a test one after another on this machine, in containers NAME-0, NAME-1 and so on; a test of one shard keeps its
 * name. Throws what the first one's start throws.
 */
export async function startShards(pod: TestPod, start: StartContainer): Promise<RunningTest> {
  if (pod.shards === 1) {
    const run = await start(pod);
    return { shards: [run], remove: () => run.remove() };
  }
  const state = { isRemoved: false };
  let previous = Promise.resolve(await start(shardOf(pod, 0)));
  const runs = [previous];
  for (let index = 1; index < pod.shards; index++) {
    previous = startAfter({ previous, start: () => start(shardOf(pod, index)), state });
    runs.push(previous);
  }
  return {
    shards: runs.map(lateShard),
    async remove() {
      state.isRemoved = true;
      const started = (await Promise.allSettled(runs)).flatMap((run) => (run.status === "fulfilled" ? run.value : []));
      await Promise.all(started.map((run) => run.remove()));
    },
  };
}

function shardOf(pod: TestPod, index: number): TestPod {
  const env = { ...pod.env, GPU_CI_SHARD: String(index), JOB_COMPLETION_INDEX: String(index) };
  return { ...pod, name: `${pod.name}-${index}`, env };
}

interface After {
  readonly previous: Promise<ContainerRun>;
  readonly start: () => Promise<ContainerRun>;
  readonly state: { readonly isRemoved: boolean };
}

async function startAfter({ previous, start, state }: After): Promise<ContainerRun> {
  const run = await previous;
  await run.ended();
  if (state.isRemoved) throw new Error("The test was removed before this shard began.");
  return start();
}

/** A shard whose container may not have been started yet. */
function lateShard(run: Promise<ContainerRun>): RunningShard {
  let started: ContainerRun | undefined;
  const isStarted = run.then((found) => {
    started = found;
    return found;
  });
  isStarted.catch(() => {});
  return {
    podName: () => started?.podName(),
    async *log() {
      yield* (await isStarted).log();
    },
    logGap: () => (started ? started.logGap() : "The shard never began."),
    collect: async (directory) => (await isStarted).collect(directory),
    ended: async () => (await isStarted).ended(),
  };
}
