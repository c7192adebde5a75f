import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
import type { Annotation, Host } from "../../lib/host.ts";

/** A Host for stories under test: real processes and clock, everything said and written kept. Dispose it to remove its folder. */
export interface TestHost extends Host, AsyncDisposable {
  /** What was logged, a line each, with `warning: ` before warnings. */
  readonly lines: string[];
  readonly consoleText: () => string;
  readonly annotations: Annotation[];
  readonly outputs: Record<string, string>;
  readonly states: Map<string, string>;
}

export interface TestHostOptions {
  readonly inputs?: Readonly<Record<string, string>>;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Where its folder is made; default is the machine's temporary folder. */
  readonly folder?: string;
}

/** Makes a host whose inputs, environment and signal are given. */
export function createTestHost({
  inputs = {},
  env = process.env,
  signal,
  folder = tmpdir(),
}: TestHostOptions = {}): TestHost {
  const lines: string[] = [];
  const chunks: Uint8Array[] = [];
  const annotations: Annotation[] = [];
  const outputs: Record<string, string> = {};
  const states = new Map<string, string>();
  const tempDirectory = mkdtempSync(join(folder, "gpu-ci-test-"));
  return {
    lines,
    outputs,
    states,
    consoleText: () => Buffer.concat(chunks).toString("utf8"),
    input: (name) => inputs[name] ?? "",
    output: (name, value) => {
      outputs[name] = value;
    },
    log: {
      info: (message) => lines.push(message),
      warning: (message) => lines.push(`warning: ${message}`),
      debug() {},
      group: (_name, body) => body(),
      progress() {},
    },
    exec,
    signal: signal ?? new AbortController().signal,
    env,
    now: () => new Date(),
    tempDirectory,
    state: { get: (key) => states.get(key) ?? "", save: (key, value) => states.set(key, value) },
    run: {
      id: "1",
      attempt: 1,
      matrix: "",
      url: undefined,
      actor: undefined,
      repository: undefined,
      commit: undefined,
    },
    console: async (bytes) => {
      chunks.push(Uint8Array.from(bytes));
    },
    annotations,
    annotate: (annotation) => annotations.push(annotation),
    summary: async () => {},
    mask() {},
    [Symbol.asyncDispose]: () => rm(tempDirectory, { recursive: true, force: true }),
  };
}
