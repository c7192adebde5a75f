/** How one test case ended. `errored` is a case that broke outside of its own assertions; it counts as failed. */
export type Outcome = "passed" | "failed" | "errored" | "skipped";

/** One test case as its result file tells it. */
export interface TestCase {
  /** Names of the suites around it, outermost first, joined by ` > `. */
  readonly suite: string;
  readonly className: string;
  readonly name: string;
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** The message of a failure, an error or a skip; empty when there is none. */
  readonly message: string;
  /** The text of a failure or an error (usually a stack), cut at 16 kB; empty when there is none. */
  readonly text: string;
  readonly file: string | undefined;
  readonly line: number | undefined;
  /** Whether its suite, class, name, a property or its skip message names a GPU. */
  readonly gpu: boolean;
  /** Its result file says that it failed first and passed when it was tried again. */
  readonly flaky?: boolean;
}

/** A suite that holds cases. A file whose end is missing gives suites with `complete` false. */
export interface TestSuite {
  readonly name: string;
  readonly cases: readonly TestCase[];
  readonly complete: boolean;
}

/** Whether a text names a GPU: it contains `gpu`, `cuda` or `nvidia`, in upper or lower case. */
export function namesGpu(text: string): boolean {
  return /gpu|cuda|nvidia/i.test(text);
}

/** Whether a case counts as failed. */
export function isFailed(testCase: Pick<TestCase, "outcome">): boolean {
  return testCase.outcome === "failed" || testCase.outcome === "errored";
}
