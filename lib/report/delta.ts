import { formatDuration } from "../duration.ts";
import { caseKey, caseTitle } from "./case-name.ts";
import type { Report, ReportCase } from "./report.ts";
import { isFailed } from "./test-suite.ts";

/** What changed since an earlier run. */
export type Delta = NonNullable<Report["delta"]>;

const slowerShown = 10;
/** Less than this is noise. */
const slowerMs = 100;
const slowerFactor = 1.5;

/** Compares two runs of the same test; undefined when they share no case, and so are of different tests. */
export function compareReports(report: Report, last: Report | undefined): Delta | undefined {
  if (!last) return undefined;
  const [before, now] = [byKey(last.cases), byKey(report.cases)];
  const shared = [...now].flatMap(([key, testCase]) => {
    const earlier = before.get(key);
    return earlier ? [{ testCase, earlier }] : [];
  });
  if (shared.length === 0 && before.size + now.size > 0) return undefined;
  const titles = (wanted: (now: ReportCase, before: ReportCase) => boolean) =>
    shared.filter(({ testCase, earlier }) => wanted(testCase, earlier)).map(({ testCase }) => caseTitle(testCase));
  return {
    startedAt: last.startedAt,
    conclusion: last.conclusion,
    runMs: last.runMs,
    broken: titles((testCase, earlier) => isFailed(testCase) && !isFailed(earlier)),
    fixed: titles((testCase, earlier) => testCase.outcome === "passed" && isFailed(earlier)),
    added: now.size - shared.length,
    gone: before.size - shared.length,
    slower: shared
      .map(({ testCase, earlier }) => ({
        title: caseTitle(testCase),
        beforeMs: earlier.durationMs,
        durationMs: testCase.durationMs,
      }))
      .filter(({ beforeMs, durationMs }) => durationMs > beforeMs * slowerFactor && durationMs - beforeMs >= slowerMs)
      .toSorted((a, b) => b.durationMs - b.beforeMs - (a.durationMs - a.beforeMs))
      .slice(0, slowerShown),
  };
}

/** A delta in one line: `1 newly failed, 2 fixed, 3 new cases; run 34 s, 30 s before`. */
export function describeDelta({ broken, fixed, added, gone, runMs }: Delta, nowMs: number): string {
  const counts = [
    [broken.length, "newly failed"],
    [fixed.length, "fixed"],
    [added, added === 1 ? "new case" : "new cases"],
    [gone, gone === 1 ? "case gone" : "cases gone"],
  ] as const;
  const changes = counts.filter(([count]) => count > 0).map(([count, word]) => `${count} ${word}`);
  const time = `run ${formatDuration(nowMs)}, ${formatDuration(runMs)} before`;
  return `${changes.length > 0 ? changes.join(", ") : "no case changed"}; ${time}`;
}

/** The last one of a name wins: a retry comes after what it repeats. */
function byKey(cases: readonly ReportCase[]): Map<string, ReportCase> {
  return new Map(cases.map((testCase) => [caseKey(testCase), testCase]));
}
