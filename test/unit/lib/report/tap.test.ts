import { describe, expect, it } from "vitest";
import { parseTap } from "../../../../lib/report/tap.ts";

const told = (source: string) =>
  parseTap(source).map(({ cases, complete }) => ({
    cases: cases.map(({ suite, name, outcome }) => `${suite ? `${suite} > ` : ""}${name}: ${outcome}`),
    complete,
  }));

describe("parseTap", () => {
  it("reads passes, failures, skips and what is still to do", () => {
    const source = `TAP version 13
1..5
ok 1 - adds
not ok 2 - gpu multiplies
# expected 4
ok 3 - divides # SKIP no gpu here
not ok 4 - roots # TODO later
ok 5
`;
    expect(told(source)).toEqual([
      {
        cases: ["adds: passed", "gpu multiplies: failed", "divides: skipped", "roots: skipped", "test 5: passed"],
        complete: true,
      },
    ]);
    expect(parseTap(source)[0]?.cases[2]).toMatchObject({ message: "no gpu here", gpu: true });
  });

  it("takes place, message and time of a failure from the block below it", () => {
    const source = `TAP version 14
not ok 1 - adds
  ---
  duration_ms: 12.5
  location: '/src/add.test.js:7:3'
  error: 'wrong sum'
  ...
1..1
`;
    expect(parseTap(source)[0]?.cases[0]).toMatchObject({
      outcome: "failed",
      durationMs: 12.5,
      message: "wrong sum",
      file: "/src/add.test.js",
      line: 7,
    });
  });

  it.each([
    [
      "Node",
      "# Subtest: outer\n    # Subtest: inner\n        ok 1 - leaf\n        1..1\n    ok 1 - inner\n    1..1\nok 1 - outer\n1..1\n",
    ],
    [
      "Perl",
      "    # Subtest: outer\n        # Subtest: inner\n        ok 1 - leaf\n        1..1\n    ok 1 - inner\n    1..1\nok 1 - outer\n1..1\n",
    ],
  ])("reads subtests as %s writes them, and counts each test once", (_who, source) => {
    expect(told(source)).toEqual([{ cases: ["outer > inner > leaf: passed"], complete: true }]);
  });

  it("reads subtests without a name, and a subtest that fails though its tests passed", () => {
    expect(told("1..1\n    1..1\n    ok 1 - leaf\nnot ok 1 - outer\n")).toEqual([
      { cases: ["leaf: passed", "outer: failed"], complete: true },
    ]);
  });

  it.each([
    ["without its plan", "ok 1 - a\n", ["a: passed"]],
    ["cut before its last test", "1..2\nok 1 - a\n", ["a: passed"]],
    ["with more tests than planned", "1..1\nok 1 - a\nok 2 - b\n", ["a: passed", "b: passed"]],
    ["that bailed out", "1..2\nok 1 - a\nBail out! no driver\n", ["a: passed", "Bail out!: errored"]],
    ["cut inside a block", "1..1\nnot ok 1 - a\n  ---\n  message: x\n", ["a: failed"]],
    ["cut inside a subtest", "1..1\n# Subtest: s\n    1..2\n    ok 1 - a\n", ["s > a: passed"]],
    ["with nothing but a plan", "1..3\n", []],
  ])("is not complete %s", (_name, source, cases) => {
    expect(told(source)).toEqual([{ cases, complete: false }]);
  });

  it("passes over what is no TAP", () => {
    expect(told("hello\n    ok computer\n1..1\nok 1 - a\nokay\n")).toEqual([{ cases: ["a: passed"], complete: true }]);
  });
});
