import { describeError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import type { ManifestObject } from "../kubernetes/manifest.ts";
import type { Log } from "../log.ts";
import type { Engine, RunningTest } from "./engine.ts";
import { createStack, removeStack } from "./stack.ts";
import { type ContainerLog, readStackLogs } from "./stack-pods.ts";
import { waitForStack } from "./stack-ready.ts";
import type { TestPod } from "./test-pod.ts";

export interface StackEngineOptions {
  readonly cluster: Cluster;
  /** The objects of the stack that the test needs; throws InputError before anything is made. */
  readonly objects: (pod: TestPod) => Promise<readonly ManifestObject[]>;
  /** Shows the last lines of a stack that failed. */
  readonly show: (logs: readonly ContainerLog[], pod: TestPod) => Promise<void>;
  /** Keeps the logs of a stack that did its work. */
  readonly keep: (logs: readonly ContainerLog[], pod: TestPod) => Promise<void>;
  readonly log: Log;
  readonly now: () => Date;
  readonly signal: AbortSignal;
}

const shownLines = 50;

/** Name of the Secret that owns the stack of a test. */
export function stackName({ name }: Pick<TestPod, "name">): string {
  return `${name}-stack`;
}

/** The same engine, with a stack of objects that is made and ready before each test and removed with it. */
export function stackEngine(engine: Engine, options: StackEngineOptions): Engine {
  return {
    ...engine,
    start: async (pod) => {
      const objects = await options.objects(pod);
      try {
        await startStack(pod, objects, options);
        return withRemoval(await engine.start(pod), pod, options);
      } catch (error) {
        await remove(pod, options).catch((cleanup: unknown) => {
          options.log.warning(`What was begun of the stack could not be removed: ${describeError(cleanup)}`);
        });
        throw error;
      }
    },
  };
}

async function startStack(
  pod: TestPod,
  objects: readonly ManifestObject[],
  options: StackEngineOptions,
): Promise<void> {
  const { cluster, signal } = options;
  const name = stackName(pod);
  const marks = { name, labels: pod.labels, annotations: pod.annotations };
  const placed = await createStack({ ...options, marks, objects });
  try {
    await waitForStack({ ...options, name, placed, timeoutMs: pod.pendingTimeoutMs });
  } catch (error) {
    if (!signal.aborted) await options.show(await readStackLogs({ cluster, name, signal }, shownLines), pod);
    throw error;
  }
}

function withRemoval(running: RunningTest, pod: TestPod, options: StackEngineOptions): RunningTest {
  let removal: Promise<void> | undefined;
  return {
    shards: running.shards,
    remove: () => {
      removal ??= removeBoth(running, pod, options);
      return removal;
    },
  };
}

/** The stack's logs are read before it goes; after a cancel there is time for nothing but to go. */
async function removeBoth(running: RunningTest, pod: TestPod, options: StackEngineOptions): Promise<void> {
  const { cluster, signal, log } = options;
  const results = await Promise.allSettled([
    running.remove(),
    (async () => {
      if (!signal.aborted) {
        await readStackLogs({ cluster, name: stackName(pod), signal })
          .then((logs) => options.keep(logs, pod))
          .catch((error: unknown) => log.warning(`The stack's logs could not be kept: ${describeError(error)}`));
      }
      await remove(pod, options);
    })(),
  ]);
  cluster.close();
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

async function remove(pod: TestPod, { cluster }: StackEngineOptions): Promise<void> {
  await removeStack(cluster, { name: stackName(pod), run: pod.labels["gpu-ci/run"] ?? "" });
}
