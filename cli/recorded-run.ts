import { describeError, exitCodeOfError } from "../lib/error.ts";
import type { Conclusion } from "../lib/report/conclusion.ts";
import type { PipelineSummary } from "../lib/report/pipeline.ts";
import { conclusionOfError, prepareOutputFolder, readKeptReport, writeRunRecord } from "./run-record.ts";
import { Stages, type StagesOptions } from "./stages.ts";
import { createTempDirectory } from "./temp-directory.ts";
import { terminalRun } from "./terminal-host.ts";

/** Where a run is recorded, and what its stages are run with. */
export interface RecordedRunOptions extends Omit<StagesOptions, "tempDirectory" | "run"> {
  readonly title: string;
  /** Where summary.md, summary.html, report.json, state.json, test.log and the collected files go. */
  readonly folder: string;
}

/** What a recorded run came to. */
export interface RecordedRun {
  readonly exitCode: number;
  readonly summary: PipelineSummary;
  /** The first line of the error that ended it; undefined when its stages ran to their end. */
  readonly failure: string | undefined;
}

/** Runs stages; gives the exit code. The map is the run's outputs, filled as they become known. */
export type RunBody = (stages: Stages, outputs: Map<string, string>) => Promise<number>;

/** Runs stages and writes the record of the run, also when one fails: the error is printed, and its exit code is the run's. */
export async function recordedRun(options: RecordedRunOptions, body: RunBody): Promise<RecordedRun> {
  const { title, folder, screen, env } = options;
  const startedAt = new Date();
  await prepareOutputFolder(folder);
  using temp = createTempDirectory();
  const stages = new Stages({ ...options, tempDirectory: temp.path, run: terminalRun(env) });
  const outputs = new Map<string, string>();
  let failed: { readonly error: unknown } | undefined;
  const exitCode = await body(stages, outputs).catch((error: unknown) => {
    failed = { error };
    screen.print(describeError(error));
    return exitCodeOfError(error);
  });
  const conclusion = failed ? conclusionOfError(failed.error) : (outputs.get("conclusion") as Conclusion);
  outputs.set("conclusion", conclusion);
  const report = await readKeptReport(folder);
  const summary: PipelineSummary = {
    title,
    conclusion,
    stages: stages.list,
    ...(report ? { report } : {}),
    outputs: Object.fromEntries(outputs),
  };
  await writeRunRecord(folder, { summary, exitCode, startedAt, finishedAt: new Date() });
  return { exitCode, summary, failure: failed && describeError(failed.error).split("\n", 1)[0] };
}
