import { CancelledError, DomainError, describeError, InputError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { formatOutput, type SetOutput } from "../../lib/output.ts";
import { reasons } from "../../lib/report/conclusion.ts";
import type { Report } from "../../lib/report/report.ts";
import type { ResultsFolder } from "./results-folder.ts";

type FromReport = Pick<
  Report,
  | "conclusion"
  | "reason"
  | "detail"
  | "retryable"
  | "jobName"
  | "passed"
  | "failed"
  | "skipped"
  | "queueMs"
  | "pullMs"
  | "runMs"
>;

export interface Outputs extends FromReport {
  /** Of the command; undefined when none was reported. */
  readonly exitCode: number | undefined;
  readonly podName: string | undefined;
  readonly node: string | undefined;
  readonly gpuProduct: string | undefined;
  readonly gpuUuids: readonly string[];
  readonly logFile: string;
  readonly logComplete: boolean;
  readonly artifactsPath: string;
  readonly reportFile: string;
  /** Exit code of the step: 0, 1, 3, 130 or 143 (design.md rule 2). */
  readonly stepExitCode: number;
}

/** What a report and the files beside it give as outputs. */
export function toOutputs(report: Report, folder: ResultsFolder, stepExitCode: number): Outputs {
  return {
    ...report,
    exitCode: report.exitCode ?? undefined,
    podName: report.podName ?? undefined,
    node: report.node ?? undefined,
    gpuProduct: report.gpus[0]?.product,
    gpuUuids: report.gpus.map(({ uuid }) => uuid),
    logFile: folder.logFile,
    artifactsPath: folder.artifacts,
    reportFile: folder.reportFile,
    stepExitCode,
  };
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  output("conclusion", formatOutput(outputs.conclusion));
  output("exit-code", formatOutput(outputs.exitCode));
  output("reason", formatOutput(outputs.reason));
  output("reason-detail", formatOutput(outputs.detail));
  output("retryable", formatOutput(outputs.retryable));
  output("job-name", formatOutput(outputs.jobName));
  output("pod-name", formatOutput(outputs.podName));
  output("node", formatOutput(outputs.node));
  output("gpu-product", formatOutput(outputs.gpuProduct));
  output("gpu-uuids", formatOutput(outputs.gpuUuids));
  output("log-file", formatOutput(outputs.logFile));
  output("log-complete", formatOutput(outputs.logComplete));
  output("artifacts-path", formatOutput(outputs.artifactsPath));
  output("report", formatOutput(outputs.reportFile));
  output("passed", formatOutput(outputs.passed));
  output("failed", formatOutput(outputs.failed));
  output("skipped", formatOutput(outputs.skipped));
  output("queue-ms", formatOutput(outputs.queueMs));
  output("pull-ms", formatOutput(outputs.pullMs));
  output("run-ms", formatOutput(outputs.runMs));
}

/** Writes every output and gives the exit code of the step, which is the test's also where nothing can be written. */
export function writeVerdict({ output, log }: Pick<Host, "output" | "log">, outputs: Outputs): number {
  try {
    writeOutputs(output, outputs);
  } catch (error) {
    log.warning(`The outputs could not be written: ${error instanceof Error ? error.message : String(error)}`);
  }
  return outputs.stepExitCode;
}

/** Writes the outputs of a test that never started, for the error that stood in its way. */
export function writeFailure(output: SetOutput, error: unknown): void {
  const reason = error instanceof InputError ? "usage" : error instanceof CancelledError ? "cancelled" : "not-started";
  const retryable = error instanceof DomainError ? error.retryable : reasons[reason].retryable;
  output("conclusion", reasons[reason].conclusion);
  output("reason", reason);
  output("reason-detail", describeError(error));
  output("retryable", formatOutput(retryable));
}
