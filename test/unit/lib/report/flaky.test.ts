import { describe, expect, it } from "vitest";
import { markFlaky } from "../../../../lib/report/flaky.ts";
import { parseJunit } from "../../../../lib/report/junit.ts";

/** Titles of the flaky cases of a result file. */
function flakyIn(cases: string): string[] {
  const [suite] = parseJunit(`<testsuite name="s">${cases}</testsuite>`);
  const reported = (suite?.cases ?? []).map((testCase) => ({
    ...testCase,
    file: testCase.file ?? null,
    line: testCase.line ?? null,
  }));
  return markFlaky(reported)
    .filter(({ flaky }) => flaky)
    .map(({ name }) => name);
}

describe("a flaky case", () => {
  it.each([
    ["surefire", '<testcase name="a"><flakyFailure message="x">stack</flakyFailure></testcase>'],
    ["pytest-rerunfailures", '<testcase name="a"><rerun message="x"/></testcase>'],
    ["a runner that names each try", '<testcase name="a"><failure/></testcase><testcase name="a"/>'],
  ])("is one that passed on a retry, as %s tells it", (_runner, cases) => {
    expect(flakyIn(cases)).toEqual(["a"]);
  });

  it.each([
    ["failed on every try", '<testcase name="a"><failure/><rerunFailure/></testcase>'],
    ["failed after it had passed", '<testcase name="a"/><testcase name="a"><failure/></testcase>'],
    ["is of another class", '<testcase classname="x" name="a"><failure/></testcase><testcase classname="y" name="a"/>'],
    ["passed at once", '<testcase name="a"/>'],
  ])("is none that %s", (_what, cases) => {
    expect(flakyIn(cases)).toEqual([]);
  });
});
