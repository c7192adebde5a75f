import { type Conclusion, type Reason, reasons } from "./conclusion.ts";
import { isFailed, type TestCase, type TestSuite } from "./test-suite.ts";

/** What a run is judged by. */
export interface Evidence {
  /** How the container ended; an engine's Termination fits. */
  readonly termination: { readonly exitCode: number | undefined; readonly reason: Reason; readonly detail: string };
  readonly suites: readonly TestSuite[];
  /** Whether the caller named result files: then a run without any is no success. */
  readonly resultsWanted: boolean;
  /** Number of GPUs the caller required; 0 when GPU cases may be skipped (`gpus: auto`, or none asked for). */
  readonly gpusRequired: number;
}

export interface Verdict {
  readonly conclusion: Conclusion;
  readonly reason: Reason;
  /** One sentence for the reader. */
  readonly detail: string;
  readonly retryable: boolean;
}

/**
 * The verdict on a run: the container's end first, then, where that was exit code 0, what its result files say. A required GPU makes
 * each skipped GPU case a failure (design.md rule 10); a case is one when `TestCase.gpu` says so.
 */
export function judge({ termination, suites, resultsWanted, gpusRequired }: Evidence): Verdict {
  const cases = suites.flatMap((suite) => suite.cases);
  if (termination.reason !== "passed") return verdict(termination.reason, withCases(termination.detail, cases));
  if (termination.exitCode === undefined)
    return verdict("unknown", "The container ended, but no exit code was reported.");
  if (termination.exitCode !== 0)
    return verdict("test-failed", `The command ended with exit code ${termination.exitCode}.`);
  const failed = cases.filter(isFailed);
  if (failed.length > 0)
    return verdict("cases-failed", `Exit code 0, but ${countOf(failed, "failed case")}: ${namesOf(failed)}.`);
  if (resultsWanted && cases.length === 0) {
    const cause = suites.length > 0 ? "the result files hold no test case" : "no result file came back";
    return verdict("results-missing", `Exit code 0, but ${cause}.`);
  }
  const cut = suites.find((suite) => !suite.complete);
  if (cut)
    return verdict(
      "results-missing",
      `Exit code 0, but the result file of suite ${cut.name || "(unnamed)"} breaks off.`,
    );
  const skipped = gpusRequired > 0 ? cases.filter((testCase) => testCase.gpu && testCase.outcome === "skipped") : [];
  if (skipped.length > 0) {
    const required = gpusRequired === 1 ? "A GPU is" : `${gpusRequired} GPUs are`;
    return verdict(
      "gpu-cases-skipped",
      `${required} required, but ${countOf(skipped, "GPU case")} skipped: ${namesOf(skipped)}.`,
    );
  }
  return verdict("passed", withCases(termination.detail, cases));
}

function verdict(reason: Reason, detail: string): Verdict {
  return { conclusion: reasons[reason].conclusion, reason, detail, retryable: reasons[reason].retryable };
}

function withCases(detail: string, cases: readonly TestCase[]): string {
  const failed = cases.filter(isFailed);
  return failed.length > 0 ? `${detail} ${countOf(failed, "failed case")}: ${namesOf(failed)}.` : detail;
}

function countOf(cases: readonly TestCase[], what: string): string {
  const verb = what === "GPU case" ? (cases.length === 1 ? " was" : " were") : "";
  return `${cases.length} ${what}${cases.length === 1 ? "" : "s"}${verb}`;
}

function namesOf(cases: readonly TestCase[]): string {
  const names = cases.slice(0, 3).map((testCase) => testCase.name.slice(0, 100));
  return cases.length > 3 ? `${names.join(", ")} and ${cases.length - 3} more` : names.join(", ");
}
