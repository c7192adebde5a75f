import { deadline, sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { getObject } from "../kubernetes/object.ts";
import { readinessOf } from "../kubernetes/readiness.ts";
import type { Log } from "../log.ts";
import type { PlacedObject } from "./stack.ts";
import { explainStack } from "./stack-pods.ts";

export interface StackReadyOptions {
  readonly cluster: Cluster;
  /** Name of the stack. */
  readonly name: string;
  readonly placed: readonly PlacedObject[];
  readonly timeoutMs: number;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const pollMs = 500;
/** How often a stack that is not ready is asked why. */
const explainEvery = 10;

/**
 * Waits until every object of a stack does what it was made for, and says each change of what is missing. Throws DomainError `stack-failed`
 * when one cannot, and `pending-timeout` when the time is over.
 */
export async function waitForStack(options: StackReadyOptions): Promise<void> {
  const { name, timeoutMs, log } = options;
  log.info(`Waiting for the stack to be ready, at most ${formatDuration(timeoutMs)}.`);
  using limit = deadline(`Stack ${name}`, timeoutMs, options.signal);
  const said = new Set<string>();
  const say = (words: string) => {
    if (said.has(words)) return;
    said.add(words);
    log.info(`Stack: ${words}`);
  };
  let waiting: readonly Waiting[] = options.placed.map((placed) => ({ placed, words: "not looked at yet" }));
  try {
    for (let round = 1; waiting.length > 0; round++) {
      waiting = await stillWaiting(waiting, options, limit.signal);
      for (const { placed, words } of waiting) say(`${placed.kind} ${placed.name}: ${words}.`);
      if (waiting.length === 0) break;
      if (round % explainEvery === 0) for (const line of await explain(waiting, options, limit.signal)) say(line);
      await sleep(pollMs, limit.signal);
    }
  } catch (error) {
    options.signal.throwIfAborted();
    if (!limit.signal.aborted) throw error;
    const left = waiting.map(({ placed, words }) => `${placed.kind} ${placed.name}: ${words}`).join("; ");
    const why = await explain(waiting, options, AbortSignal.timeout(10_000));
    const message = `The stack was not ready within ${formatDuration(timeoutMs)}. ${[left, ...why].join("\n")}`;
    throw new DomainError("pending-timeout", message, { retryable: true, cause: error });
  }
  log.info("The stack is ready.");
}

interface Waiting {
  readonly placed: PlacedObject;
  /** What is missing. */
  readonly words: string;
}

async function stillWaiting(
  waiting: readonly Waiting[],
  options: StackReadyOptions,
  signal: AbortSignal,
): Promise<readonly Waiting[]> {
  const left: Waiting[] = [];
  for (const { placed } of waiting) {
    const { resource, kind, name } = placed;
    const object = await getObject(options.cluster, resource, name, { signal });
    if (!object) throw new DomainError("stack-failed", `${kind} ${name} of the stack was deleted by somebody.`);
    const { state, words } = readinessOf({ ...object, kind });
    if (state === "failed") {
      const why = await explain([{ placed, words }], options, signal);
      throw new DomainError("stack-failed", [`${kind} ${name} of the stack failed: ${words}`, ...why].join("\n"));
    }
    if (state === "waiting") left.push({ placed, words });
  }
  return left;
}

function explain(
  waiting: readonly Waiting[],
  { cluster, name }: StackReadyOptions,
  signal: AbortSignal,
): Promise<string[]> {
  return explainStack(
    { cluster, name, signal },
    waiting.map(({ placed }) => placed.name),
  );
}
