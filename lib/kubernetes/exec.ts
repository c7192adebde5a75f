import type { Readable, Writable } from "node:stream";
import type { WebSocket } from "ws";
import { deadline } from "../abort.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "./client.ts";
import { channels, createExecOutputs, type ExecOutputs, sendStdin } from "./exec-streams.ts";
import type { ApiStatus } from "./kubernetes-error.ts";
import { pods, resourcePath } from "./resource.ts";

export interface ExecInPodOptions {
  /** Default is the cluster's. */
  readonly namespace?: string | undefined;
  readonly pod: string;
  readonly container: string;
  readonly command: readonly string[];
  /** Its end reaches the command where the server speaks v5 (Kubernetes 1.30 and later). */
  readonly stdin?: Readable;
  /** Ended when the command has ended; destroyed on failure. */
  readonly stdout?: Writable;
  readonly stderr?: Writable;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export interface ExecInPodResult {
  readonly exitCode: number;
}

const protocols = ["v5.channel.k8s.io", "v4.channel.k8s.io"];
/** The server closes the socket after the status; it is closed by us when it does not. */
const closeMs = 1000;
const pingMs = 15_000;

/**
 * Runs a command in a running container. Settles when the command's status has come and all output was written: throws KubernetesError when the
 * server refuses, DomainError `exec-interrupted` (retryable) when the connection broke before the status, `exec-failed` when the runtime could not start it.
 */
export async function execInPod(cluster: Cluster, options: ExecInPodOptions): Promise<ExecInPodResult> {
  const { namespace, pod, container, command, stdin } = options;
  const what = `${command[0]} in pod ${pod}`;
  using limit = deadline(what, options.timeoutMs, options.signal);
  const path = `${resourcePath(pods, namespace ?? cluster.namespace, pod)}/exec`;
  const query = { container, command, stdin: stdin !== undefined, stdout: true, stderr: true };
  const socket = await cluster.upgrade({ method: "GET", path, query, signal: limit.signal }, protocols);
  return { exitCode: exitCodeOf(await converse(socket, options, limit.signal, what), what) };
}

/** Moves bytes in both directions until the status came and the socket is closed. */
async function converse(
  socket: WebSocket,
  options: ExecInPodOptions,
  signal: AbortSignal,
  what: string,
): Promise<ApiStatus> {
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => {});
  const outputs = createExecOutputs(socket, options, broken.reject);
  const abort = () => broken.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  const stopPinging = endSilentSocket(socket);
  try {
    signal.throwIfAborted();
    const status = receive(socket, outputs, what);
    if (options.stdin) sendStdin(socket, options.stdin).catch(broken.reject);
    const result = await Promise.race([status, broken.promise]);
    await Promise.race([outputs.finish(), broken.promise]);
    return result;
  } catch (error) {
    outputs.destroy(error instanceof Error ? error : new Error(String(error)));
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    stopPinging();
    socket.terminate();
    options.stdin?.destroy();
  }
}

/** The command's status, once the socket is closed and so all output has come. */
function receive(socket: WebSocket, outputs: ExecOutputs, what: string): Promise<ApiStatus> {
  return new Promise((resolve, reject) => {
    let status: ApiStatus | undefined;
    let failure: Error | undefined;
    socket.on("message", (data: Buffer) => {
      const channel = data[0] ?? channels.close;
      if (channel !== channels.status) return outputs.write(channel, data.subarray(1));
      status = parseStatus(data.subarray(1));
      setTimeout(() => socket.close(), closeMs).unref();
    });
    socket.on("error", (error) => {
      failure = error;
    });
    socket.once("close", (code) => {
      if (status) return resolve(status);
      const detail = failure?.message ?? `WebSocket close code ${code}`;
      reject(
        new DomainError("exec-interrupted", `The connection to ${what} ended before its exit code came (${detail}).`, {
          retryable: true,
          cause: failure,
        }),
      );
    });
    // It was held when it opened, so that nothing came before there was a listener.
    socket.resume();
  });
}

/** Ends a socket whose peer is gone without a word. Only when nothing is held back on either side does a missing pong tell that. */
function endSilentSocket(socket: WebSocket): () => void {
  let unanswered = 0;
  const heard = () => {
    unanswered = 0;
  };
  socket.on("pong", heard);
  socket.on("message", heard);
  const timer = setInterval(() => {
    if (socket.isPaused || socket.bufferedAmount > 0) unanswered = 0;
    else if (unanswered >= 2) socket.terminate();
    else unanswered++;
    if (socket.readyState === socket.OPEN) socket.ping();
  }, pingMs);
  return () => clearInterval(timer);
}

function parseStatus(bytes: Buffer): ApiStatus & { status?: string } {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return { message: bytes.toString("utf8") };
  }
}

function exitCodeOf(status: ApiStatus & { status?: string }, what: string): number {
  if (status.status === "Success") return 0;
  const cause = status.details?.causes?.find(({ reason }) => reason === "ExitCode");
  const exitCode = Number(cause?.message ?? Number.NaN);
  if (Number.isInteger(exitCode)) return exitCode;
  throw new DomainError(
    "exec-failed",
    `${what} could not be run: ${status.message ?? status.reason ?? "no reason was given"}.`,
  );
}
