import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { CancelledError, exitCodeOfError } from "../lib/error.ts";
import type { Conclusion } from "../lib/report/conclusion.ts";
import { renderPipelineHtml } from "../lib/report/html.ts";
import { type PipelineSummary, renderPipelineMarkdown } from "../lib/report/pipeline.ts";
import { parseReport } from "../lib/report/report.ts";
import { readState, writeState } from "./run-state.ts";
import type { StageOutputs } from "./stages.ts";

/** Outputs of the test that name files, and how they are kept. */
const kept = [
  ["report", "report.json"],
  ["log-file", "test.log"],
  ["artifacts-path", "files"],
] as const;

/** What of a finished run is kept in the output folder. */
export interface RunRecord {
  readonly summary: PipelineSummary;
  readonly exitCode: number;
  readonly startedAt: Date;
  readonly finishedAt: Date;
}

/** The conclusion of a run that an error ended. */
export function conclusionOfError(error: unknown): Conclusion {
  if (error instanceof CancelledError) return "cancelled";
  return exitCodeOfError(error) === 2 ? "usage" : "infrastructure";
}

/** Makes the output folder without what an earlier run left of its test; git is told to leave it alone, so that it is never part of the sources. */
export async function prepareOutputFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, ".gitignore"), "*\n");
  for (const [, name] of kept) await rm(join(folder, name), { recursive: true, force: true });
}

/** Copies what the test left: report.json, test.log and the collected files. */
export async function keepTestFiles(folder: string, test: StageOutputs): Promise<void> {
  for (const [output, name] of kept) {
    if (test(output) !== "") await cp(test(output), join(folder, name), { recursive: true });
  }
}

/** Reads the kept report of the test; undefined when the run did not get that far. */
export async function readKeptReport(folder: string): Promise<PipelineSummary["report"]> {
  const text = await readFile(join(folder, "report.json"), "utf8").catch(() => undefined);
  return text === undefined ? undefined : parseReport(text);
}

/** Writes summary.md, summary.html and state.json; what else state.json holds stays in it. */
export async function writeRunRecord(folder: string, record: RunRecord): Promise<void> {
  const { summary, exitCode, startedAt, finishedAt } = record;
  const { conclusion, stages, outputs } = summary;
  const state = { startedAt, finishedAt, conclusion, exitCode, stages, outputs };
  await writeFile(join(folder, "summary.md"), renderPipelineMarkdown(summary));
  await writeFile(join(folder, "summary.html"), renderPipelineHtml(summary));
  await writeState(folder, { ...(await readState(folder)), ...state });
}
