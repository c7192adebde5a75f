import { randomBytes } from "node:crypto";
import { exec } from "../lib/exec.ts";
import type { Annotation, Host, RunIdentity } from "../lib/host.ts";
import type { GetInput } from "../lib/input.ts";
import type { Log } from "../lib/log.ts";
import type { TerminalScreen } from "./terminal-screen.ts";

/** What a terminal host is made of. */
export interface TerminalHostOptions {
  readonly input: GetInput;
  readonly screen: TerminalScreen;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  readonly tempDirectory: string;
  readonly run: RunIdentity;
}

/** The Host of a terminal, which also keeps what the story gave. */
export interface TerminalHost extends Host {
  /** Outputs by name, in the order they were written. */
  readonly outputs: ReadonlyMap<string, string>;
}

/** A Host for a story behind a terminal verb: lines go to the screen, outputs are kept for whoever prints the result. */
export function terminalHost(options: TerminalHostOptions): TerminalHost {
  const { input, screen, log, signal, env, tempDirectory, run } = options;
  const outputs = new Map<string, string>();
  const state = new Map<string, string>();
  return {
    input,
    output: (name, value) => outputs.set(name, value),
    outputs,
    log,
    exec,
    signal,
    env,
    now: () => new Date(),
    tempDirectory,
    state: { get: (key) => state.get(key) ?? "", save: (key, value) => state.set(key, value) },
    run,
    console: async (bytes) => screen.write(Uint8Array.from(bytes)),
    annotate: (annotation) => screen.print(formatAnnotation(annotation)),
    // A terminal has no job summary: outputs name the report, and `gpu-ci run` writes a page.
    summary: async () => {},
    mask: (secret) => screen.mask(secret),
  };
}

/** The identity of a run that was started in a terminal: a random id, the user's name. */
export function terminalRun(env: NodeJS.ProcessEnv): RunIdentity {
  return {
    id: randomBytes(6).toString("hex"),
    attempt: 1,
    matrix: "",
    url: undefined,
    actor: env.USER || env.LOGNAME || undefined,
    repository: env.GITHUB_REPOSITORY || undefined,
    commit: undefined,
  };
}

function formatAnnotation({ level, title, message, file, line }: Annotation): string {
  const place = file === undefined ? "" : `${file}${line === undefined ? "" : `:${line}`}: `;
  return `  ${level}: ${place}${title}: ${message}`;
}
