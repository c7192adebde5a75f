import { writeFile } from "node:fs/promises";
import type { Engine } from "../../lib/engine/engine.ts";
import type { TestPod } from "../../lib/engine/test-pod.ts";
import { secretsOf } from "../../lib/engine/test-secrets.ts";
import type { Host } from "../../lib/host.ts";
import { withAttempts } from "../../lib/report/attempts.ts";
import { compareReports } from "../../lib/report/delta.ts";
import { renderReportHtml } from "../../lib/report/html-report.ts";
import { mergeReports } from "../../lib/report/merge-reports.ts";
import { createReport, formatReport, type Report } from "../../lib/report/report.ts";
import { readLogText, readResultFiles } from "../../lib/report/result-files.ts";
import { createTextMask } from "../../lib/secret-mask.ts";
import type { Observed } from "./observe-test.ts";
import { findResultFiles, joinLogs, type ResultsFolder } from "./results-folder.ts";

/** What a test is judged by, beside what was seen of it. */
export interface JudgeOptions {
  readonly observed: readonly Observed[];
  readonly pod: TestPod;
  readonly folder: ResultsFolder;
  readonly engine: Engine["name"];
  readonly startedAt: Date;
  /** Patterns of result files. */
  readonly results: readonly string[];
  /** 0 when GPU cases may be skipped. */
  readonly gpusRequired: number;
  /** Reports of the attempts before this one. */
  readonly attempts: readonly Report[];
  /** The report of an earlier run, to be compared with. */
  readonly last?: Report | undefined;
}

/** Judges each shard by its own end and its own result files, and the test by all of them; joins their logs and writes report.json and report.html. */
export async function judgeTest(options: JudgeOptions, { log }: Pick<Host, "log">): Promise<Report> {
  const { observed, folder, attempts, last } = options;
  await joinLogs(folder);
  const reports = await Promise.all(observed.map((shard, index) => judgeShard(shard, index, options)));
  const merged = withAttempts(mergeReports(reports), attempts);
  const delta = compareReports(merged, last);
  const report = delta ? { ...merged, delta } : merged;
  // A full disk costs the files and not the verdict.
  const write = async () => {
    await writeFile(folder.reportFile, formatReport(report));
    await writeFile(folder.pageFile, renderReportHtml(report));
  };
  await write().catch((error: Error) => log.warning(`The report could not be written: ${error.message}`));
  return report;
}

async function judgeShard(
  shard: Observed,
  index: number,
  { pod, folder, engine, startedAt, results, gpusRequired }: JudgeOptions,
): Promise<Report> {
  const { artifacts, logFile } = folder.shards[index] ?? folder;
  const suites = await readResultFiles(await findResultFiles(artifacts, results));
  // What was killed before it wrote its results may have named its cases in its log.
  const isSilent = suites.length === 0 && shard.termination.reason !== "passed";
  return createReport({
    ...shard,
    suites: isSilent ? await readLogText(logFile) : suites,
    resultsWanted: results.length > 0,
    gpusRequired,
    engine,
    image: pod.image,
    jobName: pod.name,
    startedAt,
    mask: createTextMask(secretsOf(pod)),
  });
}
