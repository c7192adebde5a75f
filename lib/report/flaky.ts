import { caseKey } from "./case-name.ts";
import { isFailed, type TestCase } from "./test-suite.ts";

type Judged = Pick<TestCase, "suite" | "className" | "name" | "outcome">;

/**
 * Marks cases that failed and then passed: those whose result file says so, and those that it names twice. The verdict is not made by it: a
 * runner that retries tells by its exit code what it makes of them.
 */
export function markFlaky<T extends Judged>(cases: readonly T[]): (T & { flaky?: boolean })[] {
  const failed = new Set<string>();
  return cases.map((testCase) => {
    const key = caseKey(testCase);
    if (isFailed(testCase)) failed.add(key);
    return testCase.outcome === "passed" && failed.has(key) ? { ...testCase, flaky: true } : testCase;
  });
}
