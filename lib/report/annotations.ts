import type { Annotation } from "../host.ts";
import type { Report, ReportCase } from "./report.ts";
import { isFailed } from "./test-suite.ts";

/** GitHub shows ten annotations of a level per step; one of them is the verdict. */
const shownCases = 8;

/**
 * Notes for a run that did not succeed: the verdict, then its failed cases with file and line where the result file names them.
 * `sourceDirectory` is where the container holds the sources: files below it become relative to the repository.
 */
export function annotationsOf(report: Report, sourceDirectory = "/src"): Annotation[] {
  if (report.conclusion === "success") return [];
  const failed = report.cases.filter(isFailed);
  const notes = failed.slice(0, shownCases).map((testCase) => noteOf(testCase, sourceDirectory));
  const hidden = failed.length - notes.length;
  const rollUp: Annotation[] =
    hidden > 0
      ? [{ level: "error", title: "More failed cases", message: `${hidden} more failed cases are in the job summary.` }]
      : [];
  return [{ level: "error", title: `GPU test: ${report.reason}`, message: report.detail }, ...notes, ...rollUp];
}

function noteOf(testCase: ReportCase, sourceDirectory: string): Annotation {
  const place = placeOf(testCase, sourceDirectory);
  const message = testCase.message || testCase.text || "The case failed without a message.";
  return {
    level: "error",
    title: `${testCase.className || testCase.suite} › ${testCase.name}`,
    message: message.slice(0, 1000),
    ...place,
  };
}

function placeOf({ file, line }: ReportCase, sourceDirectory: string): { file?: string; line?: number } {
  if (file === null) return {};
  const prefix = sourceDirectory.endsWith("/") ? sourceDirectory : `${sourceDirectory}/`;
  const relative = file.startsWith(prefix) ? file.slice(prefix.length) : file.replace(/^\.\//, "");
  if (relative.startsWith("/") || relative.startsWith("..")) return {};
  return line === null ? { file: relative } : { file: relative, line };
}
