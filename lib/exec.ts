import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

export interface ExecOptions {
  readonly cwd?: string;
  /** The whole environment of the child; default is the environment of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Written to the child's standard input, which is closed at once otherwise. */
  readonly stdin?: string | Readable;
  /** Called for every complete line, and for the last one without a newline. */
  readonly onStdout?: (line: string) => void;
  readonly onStderr?: (line: string) => void;
  /** Takes the raw bytes of both outputs as they come, at the reader's pace; the result then holds none of them. */
  readonly sink?: Writable;
  /** Do not throw on a non-zero exit code. */
  readonly ignoreExitCode?: boolean;
  /** Ends the child's whole process group: SIGTERM, then SIGKILL after 5 s. */
  readonly signal?: AbortSignal;
}

export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  /** 128 + n when the child was ended by signal n is not told apart here: -1 stands for any signal. */
  readonly exitCode: number;
}

/** Runs a program with an argument array; there is never a shell in between. */
export type Exec = (command: string, args: readonly string[], options?: ExecOptions) => Promise<ExecResult>;

/** A program could not be started, or ended with a non-zero exit code. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly command: string;
  readonly exitCode: number;
  readonly stderr: string;

  constructor(command: string, args: readonly string[], exitCode: number, stderr: string, cause?: unknown) {
    const tail = stderr.trim().split("\n").slice(-5).join("\n");
    const what = exitCode === 127 ? "could not be started" : `ended with exit code ${exitCode}`;
    super(
      `${[command, ...args].join(" ")} ${what}.${tail ? `\n${tail}` : ""}`,
      cause === undefined ? undefined : { cause },
    );
    this.command = command;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** Runs a program as a child of this process in a process group of its own. Throws CommandError, or the signal's reason. */
export const exec: Exec = async (command, args, options = {}) => {
  options.signal?.throwIfAborted();
  // Loaded for the first program that is run, which many steps never do: 6 ms of each start.
  const child = process.getBuiltinModule("node:child_process").spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["pipe", "pipe", "pipe"],
    detached: true,
  });
  const stopWatching = endWithSignal(child.pid, options.signal);
  const exited = new Promise<number>((resolve, reject) => {
    child.once("error", (error) => reject(new CommandError(command, args, 127, error.message, error)));
    child.once("close", (code) => resolve(code ?? -1));
  });
  exited.catch(() => {});
  try {
    const [stdout, stderr, exitCode] = await Promise.all([
      options.sink ? pass(child.stdout, options.sink) : capture(child.stdout, options.onStdout),
      options.sink ? pass(child.stderr, options.sink) : capture(child.stderr, options.onStderr),
      exited,
      feed(child.stdin, options.stdin),
    ]);
    options.signal?.throwIfAborted();
    if (exitCode !== 0 && !options.ignoreExitCode) throw new CommandError(command, args, exitCode, stderr || stdout);
    return { stdout, stderr, exitCode };
  } finally {
    stopWatching();
  }
};

/** Whether a program of this name can be started: it is looked up on PATH by `command -v`'s rules. */
export async function findProgram(run: Exec, name: string): Promise<string | undefined> {
  const { stdout, exitCode } = await run("/bin/sh", ["-c", 'command -v -- "$1"', "sh", name], { ignoreExitCode: true });
  return exitCode === 0 ? stdout.trim() : undefined;
}

async function capture(stream: Readable, onLine?: (line: string) => void): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  const lines = onLine && process.getBuiltinModule("node:readline").createInterface({ input: stream });
  if (lines && onLine) lines.on("line", onLine);
  await new Promise((resolve) => (lines ?? stream).once("close", resolve));
  return Buffer.concat(chunks).toString("utf8");
}

async function pass(stream: Readable, sink: Writable): Promise<string> {
  for await (const chunk of stream) {
    if (!sink.write(chunk)) await Promise.race([once(sink, "drain"), once(sink, "close")]);
  }
  return "";
}

async function feed(stream: NodeJS.WritableStream, input?: string | Readable): Promise<void> {
  // A program may end before it has read all of its input: its exit code tells the story, not EPIPE.
  stream.on("error", () => {});
  if (input === undefined || typeof input === "string") {
    stream.end(input ?? "");
    return;
  }
  await pipeline(input, stream).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE" && error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  });
}

function endWithSignal(pid: number | undefined, signal: AbortSignal | undefined): () => void {
  if (!signal || pid === undefined) return () => {};
  let killTimer: NodeJS.Timeout | undefined;
  const end = () => {
    killGroup(pid, "SIGTERM");
    killTimer = setTimeout(() => killGroup(pid, "SIGKILL"), 5000);
  };
  signal.addEventListener("abort", end, { once: true });
  return () => {
    signal.removeEventListener("abort", end);
    clearTimeout(killTimer);
  };
}

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group has ended already.
  }
}
