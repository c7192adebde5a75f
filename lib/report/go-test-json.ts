import * as v from "valibot";
import { placeIn, toTestCase, unfinished } from "./test-case.ts";
import type { Outcome, TestCase, TestSuite } from "./test-suite.ts";

const eventSchema = v.object({
  Action: v.string(),
  Package: v.optional(v.string(), ""),
  Test: v.optional(v.string()),
  Elapsed: v.optional(v.number(), 0),
  Output: v.optional(v.string(), ""),
});
type Event = v.InferOutput<typeof eventSchema>;

interface GoTest {
  readonly name: string;
  outcome: Outcome | undefined;
  durationMs: number;
  output: string;
}

interface GoPackage {
  readonly name: string;
  readonly tests: Map<string, GoTest>;
  outcome: Outcome | undefined;
  output: string;
}

const outcomes: Readonly<Record<string, Outcome>> = { pass: "passed", fail: "failed", skip: "skipped" };
const outputLimit = 20_000;

/**
 * Reads the events of `go test -json` (https://pkg.go.dev/cmd/test2json), one suite for each package. Lines that are none are passed over. A
 * test without an end is errored, a package without one says `complete: false`, and one that fails without a failed test is a case itself.
 */
export function parseGoTestJson(source: string): TestSuite[] {
  const packages = new Map<string, GoPackage>();
  for (const line of source.split("\n")) {
    const event = parseEvent(line);
    if (event) take(packages, event);
  }
  return [...packages.values()].flatMap(toSuite);
}

function parseEvent(line: string): Event | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const parsed = v.safeParse(eventSchema, JSON.parse(line));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

function take(packages: Map<string, GoPackage>, event: Event): void {
  const { Package: name, Test, Action, Elapsed, Output } = event;
  if (name === "") return;
  const found = packages.get(name) ?? { name, tests: new Map(), outcome: undefined, output: "" };
  packages.set(name, found);
  if (Test === undefined) {
    found.outcome = outcomes[Action] ?? found.outcome;
    found.output = (found.output + Output).slice(0, outputLimit);
    return;
  }
  const test = found.tests.get(Test) ?? { name: Test, outcome: undefined, durationMs: 0, output: "" };
  found.tests.set(Test, test);
  test.outcome = outcomes[Action] ?? test.outcome;
  if (Action in outcomes) test.durationMs = Elapsed * 1000;
  if (!/^\s*(=== |--- )/.test(Output)) test.output = (test.output + Output).slice(0, outputLimit);
}

function toSuite(found: GoPackage): TestSuite[] {
  const tests = [...found.tests.values()];
  const cases = tests.filter((test) => !isSummedUp(test, tests)).map((test) => toCase(found.name, test));
  const isExplained = cases.some(({ outcome }) => outcome === "failed" || outcome === "errored");
  if (found.outcome === "failed" && !isExplained) {
    const message = found.output.trim().split("\n", 1)[0] ?? "";
    cases.push(toTestCase({ suite: found.name, name: found.name, outcome: "errored", message, text: found.output }));
  }
  const complete = found.outcome !== undefined;
  return cases.length === 0 && complete ? [] : [{ name: found.name, cases, complete }];
}

/** A test with subtests is a case only where it failed and none of them did. */
function isSummedUp(test: GoTest, tests: readonly GoTest[]): boolean {
  const inner = tests.filter(({ name }) => name.startsWith(`${test.name}/`));
  const isBad = ({ outcome }: GoTest) => outcome === "failed" || outcome === undefined;
  return inner.length > 0 && (!isBad(test) || inner.some(isBad));
}

function toCase(suite: string, { name, outcome, durationMs, output }: GoTest): TestCase {
  const message =
    outcome === undefined ? unfinished : outcome === "passed" ? "" : (output.trim().split("\n", 1)[0] ?? "");
  const place = outcome === "failed" ? placeIn(output) : {};
  return toTestCase({ suite, name, outcome: outcome ?? "errored", durationMs, message, text: output, ...place });
}
