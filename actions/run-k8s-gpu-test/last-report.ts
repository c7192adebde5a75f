import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { glob } from "tinyglobby";
import type { Host } from "../../lib/host.ts";
import { parseReport, type Report } from "../../lib/report/report.ts";
import type { Inputs } from "./inputs.ts";

/**
 * The report of an earlier run: that of a file, or the newest below a folder. Undefined where there is none, and where it cannot be read,
 * which is said: a test never fails of what is only compared with.
 */
export async function readLastReport(
  { lastReport, workingDirectory }: Pick<Inputs, "lastReport" | "workingDirectory">,
  { log }: Pick<Host, "log">,
): Promise<Report | undefined> {
  if (lastReport === undefined) return undefined;
  const path = resolve(workingDirectory, lastReport);
  try {
    const isFolder = (await stat(path)).isDirectory();
    const file = isFolder ? await newestReport(path) : path;
    if (file === undefined) return undefined;
    const report = parseReport(await readFile(file, "utf8"));
    if (!report) log.warning(`${file} is no report of a run and is not compared with.`);
    return report;
  } catch (error) {
    if (lastReport.endsWith(".json")) log.info(`The last report was not read: ${(error as Error).message}`);
    return undefined;
  }
}

async function newestReport(folder: string): Promise<string | undefined> {
  const files = await glob("**/report.json", { cwd: folder, absolute: true, followSymbolicLinks: false });
  const dated = await Promise.all(files.map(async (file) => ({ file, writtenMs: (await stat(file)).mtimeMs })));
  return dated.toSorted((a, b) => b.writtenMs - a.writtenMs)[0]?.file;
}
