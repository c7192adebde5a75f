import { createInterface } from "node:readline";
import { PassThrough, type Readable, Writable } from "node:stream";
import { sleep } from "../abort.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { execInPod } from "../kubernetes/exec.ts";
import type { Log } from "../log.ts";
import { type FileFacts, type Listing, receiveCat, receiveTar } from "./collected-stream.ts";
import { openServed } from "./kubernetes-collect-served.ts";
import { collectorContainer } from "./kubernetes-container.ts";
import type { PodAddresses } from "./kubernetes-pod-state.ts";
import type { CollectedFile } from "./test-pod.ts";

export interface CollectOptions {
  readonly cluster: Cluster;
  /** Name of the pod whose collector runs. */
  readonly pod: string;
  /** Of that pod, where they are known. */
  readonly addresses: PodAddresses | undefined;
  readonly directory: string;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Whether the test's container has ended: then the collector lives only seconds longer. */
  readonly hasEnded: () => boolean;
  /** How long after a broken connection the end of the container may still become known; default is 3 s. */
  readonly statusLagMs?: number;
}

const timeoutMs = 24 * 3_600_000;
const attempts = 3;

/**
 * Reads /gpu-ci/out through the collector: connects while the test still runs and waits there, so that the files leave the moment it ends.
 * A connection that breaks is made again; what can no longer be had is named in a warning, for the verdict does not hang on it.
 */
export async function collectFiles(options: CollectOptions): Promise<readonly CollectedFile[]> {
  for (let attempt = 1; ; attempt++) {
    const received: CollectedFile[] = [];
    try {
      await receiveOnce({ ...options, mayServe: attempt === 1 }, received);
      return received;
    } catch (error) {
      options.signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      if (attempt < attempts && !(await endsSoon(options))) {
        options.log.info(`Reading the test's files was cut off, trying again: ${why}`);
        continue;
      }
      options.log.warning(`Not all files of the test came back (${received.length} did): ${why}`);
      return received;
    }
  }
}

/** A container that ended takes its connections with it, and its status comes a moment later: nobody can connect to it again. */
async function endsSoon({ hasEnded, signal, statusLagMs = 3000 }: CollectOptions): Promise<boolean> {
  const untilMs = performance.now() + statusLagMs;
  while (!hasEnded() && performance.now() < untilMs) await sleep(20, signal);
  return hasEnded();
}

async function receiveOnce(
  options: CollectOptions & { readonly mayServe: boolean },
  received: CollectedFile[],
): Promise<void> {
  const { cluster, pod, directory, signal } = options;
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const connection = new AbortController();
  const whole = AbortSignal.any([signal, connection.signal]);
  const sent = execInPod(cluster, {
    pod,
    container: collectorContainer,
    command: ["/bin/sh", "/gpu-ci/bin/collect", "send"],
    stdin,
    stdout,
    stderr,
    timeoutMs,
    signal: whole,
  });
  const sums = readSums(stderr);
  const receive = async () => {
    const format = await readLine(stdout);
    if (format === "cat") await receiveCat(stdout, { directory, listing: await readList(stdout), received });
    else {
      const archive = format === "offer" ? await takeOffer({ ...options, signal: whole }, stdin) : undefined;
      await receiveTar(archive ?? stdout, { directory, listing: sums, received });
    }
    stdin.end("ok\n");
    stdout.pipe(new Writable({ write: (_chunk, _encoding, done) => done() }));
    await sent;
  };
  try {
    // When the command ends first, something is wrong with it: what it sent until then is still read to its end.
    await Promise.all([receive(), sent.then(({ exitCode }) => exitCode === 0 || Promise.reject(exitError(exitCode)))]);
  } finally {
    connection.abort();
  }
}

/** The archive by a connection of its own; undefined when it comes over the one that there is. */
async function takeOffer(
  { mayServe, ...options }: CollectOptions & { readonly mayServe: boolean },
  stdin: PassThrough,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  const archive = mayServe ? await openServed(options, (order) => stdin.write(order)) : undefined;
  stdin.write(archive ? "there\n" : "here\n");
  return archive;
}

function exitError(exitCode: number): Error {
  return new Error(`the collector ended with exit code ${exitCode}`);
}

/** Takes one line off a stream, and nothing of what follows it. Throws when the stream ends before that. */
async function readLine(stream: Readable): Promise<string> {
  const line: Uint8Array[] = [];
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    const end = chunk.indexOf("\n");
    line.push(end < 0 ? chunk : chunk.subarray(0, end));
    if (end < 0) continue;
    if (end + 1 < chunk.length) stream.unshift(chunk.subarray(end + 1));
    return Buffer.concat(line).toString("utf8");
  }
  throw new Error("the connection ended before the list of files");
}

/** Reads lines `SHA256 SIZE PATH` (`-` where unknown) and `end`. Throws when the stream ends before that. */
async function readList(stream: Readable): Promise<Listing> {
  const files = new Map<string, FileFacts>();
  for (let line = await readLine(stream); line !== "end"; line = await readLine(stream)) {
    const [sha256 = "", size = "", ...path] = line.split(" ");
    files.set(pathOf(path.join(" ")), { sha256: sha256 === "-" ? undefined : sha256, sizeBytes: Number(size) });
  }
  return { files, whole: Promise.resolve() };
}

/** Reads what sha256sum prints, between what other programs have to say, and `end`: at the same time as the bytes come, which need not wait for it. */
function readSums(stream: Readable): Listing {
  const files = new Map<string, FileFacts>();
  const lines = createInterface({ input: stream });
  // It hands on its input's errors also when nobody iterates any more, and an error without a listener ends the process. Why the connection
  // broke is known from the call itself.
  lines.on("error", () => {});
  const readAll = async () => {
    for await (const line of lines) {
      if (line === "end") return void stream.resume();
      const [, sha256, path] = /^([0-9a-f]{64}) [ *](.+)$/.exec(line) ?? [];
      if (path !== undefined) files.set(pathOf(path), { sha256, sizeBytes: undefined });
    }
    throw new Error("the connection ended before the checksums");
  };
  const whole = readAll();
  whole.catch(() => {});
  return { files, whole };
}

function pathOf(path: string): string {
  return path.replace(/^\.\//, "");
}
