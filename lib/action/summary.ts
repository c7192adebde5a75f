import { appendFile, stat } from "node:fs/promises";
import * as core from "@actions/core";

/** GitHub refuses a step's summary above this size. */
const limitBytes = 1024 * 1024;

/** Appends Markdown to the job summary. A runner without one, or a full one, costs a line in the log and never the verdict. */
export async function writeSummary(markdown: string): Promise<void> {
  const file = process.env.GITHUB_STEP_SUMMARY;
  if (!file) {
    core.info("This runner has no job summary; the report is among the result files.");
    return;
  }
  try {
    const used = await stat(file).then(
      ({ size }) => size,
      () => 0,
    );
    if (used + Buffer.byteLength(markdown) > limitBytes) {
      core.warning("The job summary is full (1 MiB); the report is among the result files.");
      return;
    }
    await appendFile(file, `${markdown}\n`);
  } catch (error) {
    core.warning(`The job summary could not be written: ${error instanceof Error ? error.message : String(error)}`);
  }
}
