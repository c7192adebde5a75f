import type { IncomingMessage } from "node:http";
import { sleep } from "../abort.ts";
import type { Cluster } from "./client.ts";
import { isStatus } from "./kubernetes-error.ts";
import { LogCursor } from "./log-cursor.ts";
import { readChunks } from "./read-chunks.ts";
import { createReconnect, type Reconnect } from "./reconnect.ts";
import { pods, resourcePath } from "./resource.ts";

export interface PodLogOptions {
  /** Default is the cluster's. */
  readonly namespace?: string | undefined;
  readonly pod: string;
  readonly container: string;
  readonly signal: AbortSignal;
  /** Whether the container is known to have ended: the end of the stream alone is not the end of the container. */
  readonly ended: () => boolean;
  /** Settles when `ended` turns true: a kubelet ends its stream up to a second later, and that is not waited for. */
  readonly whenEnded?: Promise<unknown>;
}

/** The log of one container, byte for byte, across cut connections. Iterate it once. */
export interface PodLogFollower extends AsyncIterable<Uint8Array> {
  /** After the iteration: whether all bytes were proven to have come. */
  complete(): boolean;
  /** What is missing, in words; undefined when nothing is. */
  gap(): string | undefined;
}

/** The kubelet wrote words of its own in place of the log. */
class KubeletMessage extends Error {
  override readonly name = "KubeletMessage";
}

/** How the following stands. */
interface Following {
  readonly cluster: Cluster;
  readonly options: PodLogOptions;
  readonly cursor: LogCursor;
  /** That were given. */
  bytes: number;
  /** The log could not be opened when it was first asked for. */
  isLate: boolean;
  /** Why the end of the log is not proven. */
  unproven: string | undefined;
}

/** After a stream that ended in order, the container's end is usually reported within this time. */
const statusLagMs = 3000;
/** A log whose container has ended has nothing more to wait for. */
const endedIdleMs = 5000;
const startPollMs = 1000;
/** No kubelet is told to rotate smaller files than this; 10 MiB is its default. */
const smallestRotation = 1_000_000;
/** A container that ended has written everything; what is on its way comes within this, and what does not is read again. */
const quietMs = 25;
/** Enough for a timestamp and what follows it. */
const beginBytes = 64;

/**
 * Follows a container's log from its first byte until it has ended and all was read. It may be called before the container has started.
 * The iteration throws the signal's reason, KubernetesError, or DomainError `api-unreachable`.
 */
export function followPodLog(cluster: Cluster, options: PodLogOptions): PodLogFollower {
  const following: Following = {
    cluster,
    options,
    cursor: new LogCursor(),
    bytes: 0,
    isLate: false,
    unproven: "the log was not read to its end",
  };
  const gap = () => following.cursor.gap() ?? following.unproven;
  return { [Symbol.asyncIterator]: () => follow(following), complete: () => gap() === undefined, gap };
}

async function* follow(following: Following): AsyncGenerator<Uint8Array, void, void> {
  const { cluster, options } = following;
  const reconnect = createReconnect(cluster, options.signal);
  let waits = 0;
  for (;;) {
    // Known before the stream is opened: then its end is the end of the log. A stream that was opened earlier proves nothing by its end,
    // for that of a kubelet which went away looks the same.
    const wasEnded = options.ended();
    try {
      yield* readOnce(following, !wasEnded, reconnect);
      if (wasEnded) {
        const isWhole = following.cursor.isAligned();
        following.unproven = isWhole
          ? await rotationOf(following)
          : "the node no longer had all of the log when its end was read";
        return;
      }
      if (!(await isEndedSoon(options))) await reconnect.afterEnd();
    } catch (error) {
      options.signal.throwIfAborted();
      if (await isOver(error, following, wasEnded)) return;
      if (isWaitingToStart(error)) await sleep(Math.min(startPollMs, 100 * ++waits), options.signal);
      else if (error instanceof KubeletMessage) await reconnect.afterEnd();
      else {
        following.isLate ||= following.cursor.firstStamp() === undefined;
        await reconnect.afterFailure(error);
      }
    }
  }
}

/**
 * A kubelet that follows slower than the container writes passes over files which were rotated away meanwhile, and its answer does not show it.
 * So a log is proven whole only while the node's file still begins with its first line.
 */
async function rotationOf({ cluster, options, cursor, bytes, isLate }: Following): Promise<string | undefined> {
  if (isLate && cursor.firstStamp() !== undefined)
    return "the log could not be opened at first, and the node may have rotated its first lines away before it was";
  if (bytes < smallestRotation) return undefined;
  const { namespace, pod, container, signal } = options;
  const response = await cluster.stream({
    method: "GET",
    path: `${resourcePath(pods, namespace ?? cluster.namespace, pod)}/log`,
    query: { container, timestamps: true, limitBytes: beginBytes },
    signal,
  });
  let begin = "";
  // Not every kubelet knows limitBytes: what it sends beyond is not waited for.
  for await (const chunk of readChunks(response, { idleMs: endedIdleMs })) {
    begin += chunk.toString("latin1", 0, beginBytes);
    if (begin.length >= beginBytes) break;
  }
  if (begin.split(" ")[0] === cursor.firstStamp()) return undefined;
  return "the node rotated the log while it was read, and may have thrown lines away before they were";
}

async function* readOnce(
  following: Following,
  isFollow: boolean,
  reconnect: Reconnect,
): AsyncGenerator<Uint8Array, void, void> {
  const { cluster, options, cursor } = following;
  const { namespace, pod, container, signal, ended, whenEnded } = options;
  const response = await cluster.stream({
    method: "GET",
    path: `${resourcePath(pods, namespace ?? cluster.namespace, pod)}/log`,
    query: { container, follow: isFollow, timestamps: true, sinceTime: cursor.begin() },
    signal,
  });
  reconnect.connected();
  using end = endWhenQuiet(response, isFollow ? whenEnded : undefined);
  try {
    for await (const chunk of readChunks(response, { idleMs: endedIdleMs, mayBeIdle: () => isFollow && !ended() })) {
      end.setBusy(true);
      const bytes = cursor.push(chunk);
      if (bytes.length > 0) {
        reconnect.progressed();
        following.bytes += bytes.length;
        yield bytes;
      }
      end.setBusy(false);
    }
  } catch (error) {
    if (!end.isReached()) throw error;
  }
  const message = cursor.message();
  if (message !== undefined) throw new KubeletMessage(message);
}

/** After `whenEnded`, ends a stream from which nothing comes although its reader is not busy. */
function endWhenQuiet(response: IncomingMessage, whenEnded: Promise<unknown> | undefined) {
  let timer: NodeJS.Timeout | undefined;
  let [isBusy, isReached, isClosed] = [false, false, false];
  const look = () => {
    if (isBusy) return timer?.refresh();
    isReached = true;
    return response.destroy();
  };
  const begin = () => {
    if (!isClosed) timer = setTimeout(look, quietMs);
  };
  whenEnded?.then(begin, () => {});
  return {
    isReached: () => isReached,
    setBusy: (busy: boolean) => {
      isBusy = busy;
      timer?.refresh();
    },
    [Symbol.dispose]: () => {
      isClosed = true;
      clearTimeout(timer);
    },
  };
}

async function isEndedSoon({ ended, signal }: PodLogOptions): Promise<boolean> {
  const untilMs = performance.now() + statusLagMs;
  while (!ended() && performance.now() < untilMs) await sleep(20, signal);
  return ended();
}

/** Whether nothing more can be read of a container that had ended before this attempt. */
async function isOver(error: unknown, following: Following, wasEnded: boolean): Promise<boolean> {
  if (isWaitingToStart(error)) {
    if (wasEnded) following.unproven = undefined;
    return wasEnded;
  }
  if (isStatus(error, 404) && (await isEndedSoon(following.options))) {
    following.unproven = "the pod was gone before the end of its log was read";
    return true;
  }
  if (error instanceof KubeletMessage && wasEnded) {
    following.unproven = `the node could not read the log: ${error.message}`;
    return true;
  }
  return false;
}

/** The API answers 400 while a container has not begun: https://github.com/kubernetes/kubernetes/blob/master/pkg/registry/core/pod/strategy.go */
function isWaitingToStart(error: unknown): boolean {
  return (
    isStatus(error, 400) && /is waiting to start|ContainerCreating|PodInitializing|is not available/.test(error.message)
  );
}
