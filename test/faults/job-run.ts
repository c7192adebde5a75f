import { type ChildProcess, spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { parseCommandFile } from "../support/bundle.ts";

/** What runs: a program, its environment, and the files in which it leaves its result. */
export interface Launch {
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly folder: string;
  /** Where it leaves the test's log; outputs of an action are read from `output` of its folder. */
  readonly logFile?: string;
}

/** How a tool ended, and what it left. */
export interface JobRun {
  /** Undefined when it was still running at the limit; 128 + n when signal n ended it. */
  readonly exitCode: number | undefined;
  readonly stdout: string;
  /** Both streams, in the order in which they came. */
  readonly output: string;
  readonly log: Buffer | undefined;
  readonly outputs: Readonly<Record<string, string>>;
  readonly state: Readonly<Record<string, string>>;
  readonly durationMs: number;
  /** Largest resident memory of the first process, in bytes. */
  readonly peakBytes: number;
}

/** A tool at work. */
export interface JobProcess {
  readonly pid: number;
  readonly child: ChildProcess;
  readonly ended: Promise<JobRun>;
  /** Resolves when both streams together have said this; never when they do not. */
  said(pattern: RegExp): Promise<void>;
  /** Ids of the process and of what it started. */
  processIds(): Promise<readonly number[]>;
}

const signalNumbers: Readonly<Record<string, number>> = { SIGINT: 2, SIGABRT: 6, SIGKILL: 9, SIGPIPE: 13, SIGTERM: 15 };

/** Starts a tool in a process group of its own, which is killed at `limitMs`. */
export function launch({ args, env, folder, logFile }: Launch, limitMs: number): JobProcess {
  const [program = "", ...rest] = args;
  const startedAt = performance.now();
  const child = spawn(program, rest, { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"], detached: true });
  const { pid = 0 } = child;
  const heard = listen(child);
  const memory = watchMemory(pid);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    process.kill(-pid, "SIGKILL");
  }, limitMs);
  const ended = async (): Promise<JobRun> => {
    const code = await new Promise<number>((done, reject) => {
      child.once("error", reject);
      child.once("close", (exitCode, signal) => done(exitCode ?? 128 + (signalNumbers[signal ?? ""] ?? 0)));
    });
    const durationMs = performance.now() - startedAt;
    clearTimeout(timer);
    const peakBytes = memory.end();
    const outputs = parseCommandFile(await readText(join(folder, "output")));
    const log = logFile ?? outputs["log-file"];
    return {
      exitCode: isLate ? undefined : code,
      ...heard.texts(),
      log: log === undefined ? undefined : await readFile(log).catch(() => undefined),
      outputs,
      state: parseCommandFile(await readText(join(folder, "state"))),
      durationMs,
      peakBytes,
    };
  };
  return { pid, child, ended: ended(), said: heard.said, processIds: () => groupOf(pid) };
}

function listen(child: ChildProcess) {
  let stdout = "";
  let output = "";
  const waiters = new Map<RegExp, () => void>();
  const hear = (text: string) => {
    output += text;
    for (const [pattern, tell] of waiters) if (pattern.test(output)) tell();
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
    hear(text);
  });
  child.stderr?.setEncoding("utf8").on("data", hear);
  const said = (pattern: RegExp) =>
    new Promise<void>((tell) => {
      waiters.set(pattern, tell);
      hear("");
    });
  return { texts: () => ({ stdout, output }), said };
}

function watchMemory(pid: number) {
  let peakBytes = 0;
  const look = async () => {
    const status = await readText(`/proc/${pid}/status`);
    peakBytes = Math.max(peakBytes, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024);
  };
  const timer = setInterval(() => void look(), 250);
  return {
    end: () => {
      clearInterval(timer);
      return peakBytes;
    },
  };
}

async function groupOf(pid: number): Promise<readonly number[]> {
  const { stdout } = await exec("pgrep", ["-g", String(pid)], { ignoreExitCode: true });
  return stdout.split("\n").filter(Boolean).map(Number);
}

async function readText(file: string): Promise<string> {
  return readFile(file, "utf8").catch(() => "");
}
