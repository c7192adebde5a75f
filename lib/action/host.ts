import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as core from "@actions/core";
import { exec } from "../exec.ts";
import type { Annotation, Host } from "../host.ts";
import { actionLog } from "./log.ts";
import { runIdentity } from "./run-identity.ts";
import { writeSummary } from "./summary.ts";

/** The Host of a step under GitHub Actions (also Gitea's and Forgejo's runner, and act). */
export function actionHost(signal: AbortSignal): Host {
  return {
    input: (name) => core.getInput(name, { trimWhitespace: false }),
    output: (name, value) => core.setOutput(name, value),
    log: actionLog(),
    exec,
    signal,
    env: process.env,
    now: () => new Date(),
    // The runner empties RUNNER_TEMP before and after each job.
    tempDirectory: mkdtempSync(join(process.env.RUNNER_TEMP || tmpdir(), "gpu-ci-")),
    state: { get: (key) => core.getState(key), save: (key, value) => core.saveState(key, value), hasPost: true },
    run: runIdentity(process.env),
    console: writeToStdout,
    annotate,
    summary: writeSummary,
    mask: (secret) => core.setSecret(secret),
  };
}

function annotate({ level, title, message, file, line }: Annotation): void {
  const properties = {
    title,
    ...(file === undefined ? {} : { file }),
    ...(line === undefined ? {} : { startLine: line }),
  };
  const print = { error: core.error, warning: core.warning, notice: core.notice }[level];
  print(message, properties);
}

function writeToStdout(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
