import { describe, expect, it } from "vitest";
import { parseJunit } from "../../../../lib/report/junit.ts";
import type { TestCase } from "../../../../lib/report/test-suite.ts";

const blank: TestCase = {
  suite: "",
  className: "",
  name: "",
  outcome: "passed",
  durationMs: 0,
  message: "",
  text: "",
  file: undefined,
  line: undefined,
  gpu: false,
};

function outcomes(xml: string): string[] {
  return parseJunit(xml).flatMap(({ cases, complete }) =>
    cases.map(({ suite, name, outcome }) => `${suite}/${name} ${outcome}${complete ? "" : " (cut)"}`),
  );
}

describe("The JUnit reader", () => {
  it("reads outcome, time, message, text, file and line of each case", () => {
    const xml = `<?xml version="1.0" encoding="UTF-8"?>
      <testsuites name="all"><testsuite name="math" tests="4">
        <testcase classname="Add" name="sums" time="0.0125" file="tests/add.c" line="7"/>
        <testcase classname="Add" name="overflows"><failure message="expected 1 &lt; 2" type="Assert">add.c:9\nstack</failure></testcase>
        <testcase classname="Add" name="crashes"><error type="SIGSEGV"><![CDATA[core <dumped>]]></error></testcase>
        <testcase classname="Add" name="waits"><skipped message="no GPU"/></testcase>
      </testsuite></testsuites>`;
    const add = { ...blank, suite: "math", className: "Add" };
    expect(parseJunit(xml)).toEqual([
      {
        name: "math",
        complete: true,
        cases: [
          { ...add, name: "sums", durationMs: 12.5, file: "tests/add.c", line: 7 },
          { ...add, name: "overflows", outcome: "failed", message: "expected 1 < 2", text: "add.c:9\nstack" },
          { ...add, name: "crashes", outcome: "errored", message: "SIGSEGV", text: "core <dumped>" },
          { ...add, name: "waits", outcome: "skipped", message: "no GPU", gpu: true },
        ],
      },
    ]);
  });

  it.each([
    [
      "nested suites",
      '<testsuite name="a"><testsuite name="b"><testcase name="x"/></testsuite><testcase name="y"/></testsuite>',
      ["a/y passed", "a > b/x passed"],
    ],
    ["a case without a suite", '<testcase name="x"/>', ["/x passed"]],
    [
      "two documents in one file",
      '<testsuite name="a"><testcase name="x"/></testsuite>\n<?xml version="1.0"?><testsuite name="b"><testcase name="y"><failure/></testcase></testsuite>',
      ["a/x passed", "b/y failed"],
    ],
    [
      "a failure of a whole suite",
      '<testsuite name="a"><error message="collect"/><testcase name="x"/></testsuite>',
      ["a/(suite) errored", "a/x passed"],
    ],
    [
      "a failure and a later skip",
      '<testsuite name="a"><testcase name="x"><failure/><skipped/></testcase></testsuite>',
      ["a/x failed"],
    ],
    [
      "a flaky case that passed in the end",
      '<testsuite name="a"><testcase name="x"><flakyFailure message="m"/></testcase></testsuite>',
      ["a/x passed"],
    ],
    [
      "gtest's disabled case",
      '<testsuite name="a"><testcase name="x" status="notrun" result="suppressed"/></testsuite>',
      ["a/x skipped"],
    ],
    [
      "control characters and unknown entities",
      '<testsuite name="a"><testcase name="x"><failure message="\u0001 &nbsp;">\u001b[31m</failure></testcase><testcase name="y"/></testsuite>',
      ["a/x failed", "a/y passed"],
    ],
    [
      "a name space",
      '<j:testsuite xmlns:j="urn:x" name="a"><j:testcase name="x"><j:failure/></j:testcase></j:testsuite>',
      ["a/x failed"],
    ],
    ["a file cut between cases", '<testsuite name="a"><testcase name="x"/>', ["a/x passed (cut)"]],
    ["a file cut within a tag", '<testsuite name="a"><testcase name="x"/><testcase na', ["a/x passed (cut)"]],
    ["a file cut within a running case", '<testsuite name="a"><testcase name="x">', ["a/x errored (cut)"]],
    [
      "a file cut within a failure",
      '<testsuite name="a"><testcase name="x"><failure message="m">tex',
      ["a/x failed (cut)"],
    ],
    [
      "tags that do not match",
      '<testsuite name="a"><testcase name="x"><failure></testcase></testsuite>',
      ["a/x failed (cut)"],
    ],
    ["no XML at all", "Segmentation fault", []],
    ["an empty file", "", []],
    ["a suite without cases", '<testsuite name="a"></testsuite>', []],
  ])("reads %s", (_what, xml, expected) => {
    expect(outcomes(xml)).toEqual(expected);
  });

  it.each([
    ["1.5", 1500],
    ["1,234.5", 1_234_500],
    ["0,25", 250],
    ["1e-3", 1],
    ["-1", 0],
    ["NaN", 0],
    ["", 0],
  ])("reads a time of %j as %d ms", (time, durationMs) => {
    expect(parseJunit(`<testcase name="x" time="${time}"/>`)[0]?.cases[0]?.durationMs).toBe(durationMs);
  });

  it.each([
    ['<testsuite name="gpu"><testcase name="x"/></testsuite>', true],
    ['<testsuite name="a"><testcase classname="CudaStream" name="x"/></testsuite>', true],
    [
      '<testsuite name="a"><testcase name="x"><properties><property name="needs" value="nvidia"/></properties></testcase></testsuite>',
      true,
    ],
    [
      '<testsuite name="a"><properties><property name="device" value="GPU"/></properties><testcase name="x"/></testsuite>',
      true,
    ],
    ['<testsuite name="a"><testcase name="x"><skipped>no CUDA device</skipped></testcase></testsuite>', true],
    ['<testsuite name="a"><testcase name="x"><failure>no CUDA device</failure></testcase></testsuite>', false],
    ['<testsuite name="a"><testcase name="x"/></testsuite>', false],
  ])("tells by %s whether the case is one for a GPU: %s", (xml, gpu) => {
    expect(parseJunit(xml)[0]?.cases[0]?.gpu).toBe(gpu);
  });

  it("bounds what it keeps of a message and a text", () => {
    const xml = `<testcase name="x"><failure message="${"m".repeat(9000)}">${"t".repeat(90_000)}</failure></testcase>`;
    const [testCase] = parseJunit(xml)[0]?.cases ?? [];
    expect([testCase?.message.length, testCase?.text.length]).toEqual([4000, 16_000]);
  });
});
