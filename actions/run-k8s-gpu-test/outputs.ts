import { formatOutput, type SetOutput } from "../../lib/output.ts";
import type { Report } from "../../lib/report/report.ts";

export interface Outputs {
  readonly report: Report;
  readonly reportFile: string;
  readonly logFile: string;
  readonly artifactsPath: string;
  /** Exit code of the step: 0, 1, 3, 130 or 143 (design.md rule 2). */
  readonly stepExitCode: number;
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, { report, ...files }: Outputs): void {
  output("conclusion", formatOutput(report.conclusion));
  output("exit-code", formatOutput(report.exitCode ?? undefined));
  output("reason", formatOutput(report.reason));
  output("reason-detail", formatOutput(report.detail));
  output("retryable", formatOutput(report.retryable));
  output("job-name", formatOutput(report.jobName));
  output("pod-name", formatOutput(report.podName ?? undefined));
  output("node", formatOutput(report.node ?? undefined));
  output("gpu-product", formatOutput(report.gpus[0]?.product));
  output("gpu-uuids", formatOutput(report.gpus.map(({ uuid }) => uuid)));
  output("log-file", formatOutput(files.logFile));
  output("log-complete", formatOutput(report.logComplete));
  output("artifacts-path", formatOutput(files.artifactsPath));
  output("report", formatOutput(files.reportFile));
  output("passed", formatOutput(report.passed));
  output("failed", formatOutput(report.failed));
  output("skipped", formatOutput(report.skipped));
  output("queue-ms", formatOutput(report.queueMs));
  output("pull-ms", formatOutput(report.pullMs));
  output("run-ms", formatOutput(report.runMs));
}
