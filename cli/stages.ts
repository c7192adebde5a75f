import { styleText } from "node:util";
import { formatDuration } from "../lib/duration.ts";
import { describeError } from "../lib/error.ts";
import type { RunIdentity } from "../lib/host.ts";
import type { Log } from "../lib/log.ts";
import type { PipelineStage } from "../lib/report/pipeline.ts";
import { readActionManifest } from "./action-manifest.ts";
import { optionInput } from "./option-input.ts";
import { terminalHost } from "./terminal-host.ts";
import { terminalLog } from "./terminal-log.ts";
import type { TerminalScreen } from "./terminal-screen.ts";
import { verbs } from "./verbs.ts";

/** Outputs of a stage by name; empty for one that was not written. */
export type StageOutputs = (name: string) => string;

/** What a stage came to, in one line. */
export interface StageLine {
  readonly outcome?: PipelineStage["outcome"];
  readonly detail: string;
}

/** One action to run, with inputs over its defaults. */
export interface StageRequest {
  readonly action: string;
  readonly with: Readonly<Record<string, string>>;
  /** Tells a stage that ended without an error from its outputs. */
  readonly tell: (outputs: StageOutputs, durationMs: number) => StageLine;
}

/** What stages are run with. */
export interface StagesOptions {
  readonly root: string;
  readonly screen: TerminalScreen;
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
  readonly tempDirectory: string;
  readonly run: RunIdentity;
  readonly verbose: boolean;
}

const marks = { success: "✓", unchanged: "✓", failure: "✗", skipped: "–" } as const;
const colors = { success: "green", unchanged: "green", failure: "red", skipped: "dim" } as const;

/** Runs stages one after the other, each with a line that says what it came to, and keeps the list for the summary. */
export class Stages {
  readonly list: PipelineStage[] = [];
  readonly options: StagesOptions;

  constructor(options: StagesOptions) {
    this.options = options;
  }

  /** Runs an action's story. Gives its outputs and the exit code that the story stands for. */
  async run(request: StageRequest): Promise<{ readonly outputs: StageOutputs; readonly exitCode: number }> {
    const { root, ...rest } = this.options;
    const verb = verbs[request.action];
    if (!verb) throw new Error(`There is no verb ${request.action}.`);
    const manifest = await readActionManifest(root, request.action);
    const input = optionInput(manifest, new Map(Object.entries(request.with)), {});
    return this.step(request.action, async (log) => {
      const startedAt = performance.now();
      const host = terminalHost({ ...rest, input, log });
      const exitCode = (await verb(host)) ?? 0;
      const outputs = (name: string) => host.outputs.get(name) ?? "";
      const line = request.tell(outputs, performance.now() - startedAt);
      return { outputs, exitCode, ...line, ...(exitCode === 0 ? {} : { outcome: "failure" as const }) };
    });
  }

  /** Runs a step of the caller's own. One that throws is told as failed, with what it said last, and its error goes on. */
  async step<T extends StageLine>(name: string, body: (log: Log) => Promise<T>): Promise<T> {
    const { screen, verbose } = this.options;
    const log = terminalLog(screen, { collapse: true, verbose });
    const startedAt = performance.now();
    const durationMs = () => performance.now() - startedAt;
    screen.begin(name);
    try {
      const line = await body(log);
      screen.end();
      this.#tell({ name, outcome: line.outcome ?? "success", durationMs: durationMs(), detail: line.detail });
      return line;
    } catch (error) {
      screen.end();
      if (screen.live && !verbose) for (const line of log.tail()) screen.print(`  | ${line}`);
      const detail = describeError(error).split("\n", 1)[0] ?? "";
      this.#tell({ name, outcome: "failure", durationMs: durationMs(), detail });
      throw error;
    }
  }

  /** Notes a stage that has nothing to do here. */
  skip(name: string, detail: string): void {
    this.#tell({ name, outcome: "skipped", durationMs: 0, detail });
  }

  #tell(stage: PipelineStage): void {
    this.list.push(stage);
    const mark = styleText(colors[stage.outcome], marks[stage.outcome], { stream: process.stderr });
    const time = stage.outcome === "skipped" ? "" : formatDuration(stage.durationMs);
    this.options.screen.print(`${mark} ${stage.name.padEnd(20)} ${time.padStart(9)}  ${stage.detail}`.trimEnd());
  }
}
