import { toTestCase, unfinished } from "./test-case.ts";
import type { Outcome, TestCase, TestSuite } from "./test-suite.ts";

/** What the console output of a test runner told of one case. */
interface Seen {
  readonly suite: string;
  readonly name: string;
  outcome: Outcome | undefined;
  durationMs: number;
  message: string;
  file: string | undefined;
  line: number | undefined;
  text: string;
}

/** Reads the lines of a log, one by one. */
export interface LogText {
  push(line: string): void;
  /** What was found; never complete, for a log proves nothing about what it does not name. */
  suites(): TestSuite[];
}

/** More cases than any runner has, and few enough to be kept. */
const caseLimit = 100_000;
const textLimit = 16_000;
const goWords: Readonly<Record<string, Outcome>> = { PASS: "passed", FAIL: "failed", SKIP: "skipped" };
const gtestWords: Readonly<Record<string, Outcome>> = { OK: "passed", FAILED: "failed", SKIPPED: "skipped" };
const pytestWords: Readonly<Record<string, Outcome>> = {
  PASSED: "passed",
  XPASS: "passed",
  FAILED: "failed",
  ERROR: "errored",
  SKIPPED: "skipped",
  XFAIL: "skipped",
};

/**
 * Finds cases in the console output of `go test -v`, pytest and gtest: the last resort for a run that was killed before it wrote its result
 * files. A case that began and did not end is errored.
 */
export function createLogText(): LogText {
  const seen = new Map<string, Seen>();
  const state = { current: undefined as Seen | undefined };
  const at = (suite: string, name: string): Seen | undefined => {
    const key = `${suite}\0${name}`;
    const fresh = {
      suite,
      name,
      outcome: undefined,
      durationMs: 0,
      message: "",
      file: undefined,
      line: undefined,
      text: "",
    };
    const found = seen.get(key) ?? (seen.size < caseLimit ? fresh : undefined);
    if (found) seen.set(key, found);
    return found;
  };
  return {
    push(raw) {
      // oxlint-disable-next-line no-control-regex -- colours of a terminal
      const line = raw.replaceAll(/\u001b\[[\d;]*m/g, "").trimEnd();
      const event = readGtest(line) ?? readGo(line) ?? readPytest(line);
      if (!event) return addText(state.current, line);
      const found = at(event.suite, event.name);
      if (!found) return;
      state.current = event.outcome === undefined || event.outcome === "failed" ? found : undefined;
      found.outcome = event.outcome ?? found.outcome;
      found.durationMs = event.durationMs ?? found.durationMs;
      found.message = event.message ?? found.message;
      found.file = event.file ?? found.file;
    },
    suites: () => group([...seen.values()]),
  };
}

interface Event {
  readonly suite: string;
  readonly name: string;
  /** Undefined when the case begins. */
  readonly outcome: Outcome | undefined;
  readonly durationMs?: number;
  readonly message?: string;
  readonly file?: string;
}

/** https://google.github.io/googletest/primer.html */
function readGtest(line: string): Event | undefined {
  const match = /^\[ +(RUN|OK|FAILED|SKIPPED) +\] ([\w/]+)\.([\w/]+)(?:, where .*?)?(?: \((\d+) ms\))?$/.exec(line);
  if (!match) return undefined;
  const [, word = "", suite = "", name = "", duration] = match;
  return { suite, name, outcome: gtestWords[word], ...(duration ? { durationMs: Number(duration) } : {}) };
}

function readGo(line: string): Event | undefined {
  const run = /^=== RUN {3}(\S+)$/.exec(line);
  if (run?.[1]) return { suite: "go test", name: run[1], outcome: undefined };
  const [, word = "", name, seconds] = /^\s*--- (PASS|FAIL|SKIP): (\S+) \(([\d.]+)s\)$/.exec(line) ?? [];
  if (name === undefined) return undefined;
  return { suite: "go test", name, outcome: goWords[word], durationMs: Number(seconds) * 1000 };
}

/** Lines of `pytest -v`, of its short summary, and of pytest-xdist. */
function readPytest(line: string): Event | undefined {
  const words = "PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS";
  const verbose = new RegExp(`^(\\S+\\.py)::(\\S.*?)\\s+(${words})\\b\\s*(.*?)\\s*(?:\\[ *\\d+%\\])?$`).exec(line);
  if (verbose) return pytestEvent(verbose[1], verbose[2], verbose[3], verbose[4]?.replaceAll(/^\(|\)$/g, ""));
  const first = new RegExp(`^(?:\\[gw\\d+\\] (?:\\[ *\\d+%\\] )?)?(${words}) (\\S+\\.py)::(\\S+)(?: - (.*))?$`).exec(
    line,
  );
  if (first) return pytestEvent(first[2], first[3], first[1], first[4]);
  const [, file, name] = /^(\S+\.py)::(\S+)$/.exec(line) ?? [];
  return file === undefined ? undefined : pytestEvent(file, name, "", undefined);
}

function pytestEvent(file = "", name = "", word = "", message: string | undefined): Event {
  return { suite: file, name, outcome: pytestWords[word], file, ...(message ? { message } : {}) };
}

/** What is printed while a case runs is about it, and so is the first place that a failure names. */
function addText(current: Seen | undefined, line: string): void {
  if (!current || line === "" || current.text.length > textLimit) return;
  current.text += `${line}\n`;
  if (current.line !== undefined || current.file?.endsWith(".py")) return;
  const [, file, at, message] = /^\s*([\w./+-]+\.(?:go|cc|cpp|cu|cxx|c|h|hpp)):(\d+): ?(.*)$/.exec(line) ?? [];
  if (file === undefined) return;
  current.file = file;
  current.line = Number(at);
  if (current.message === "") current.message = message ?? "";
}

function group(found: readonly Seen[]): TestSuite[] {
  const suites = new Map<string, TestCase[]>();
  for (const { suite, name, outcome, message, ...rest } of found) {
    const cases = suites.get(suite) ?? [];
    suites.set(suite, cases);
    const said = outcome === undefined ? unfinished : outcome === "passed" ? "" : message;
    cases.push(toTestCase({ ...rest, suite, name, outcome: outcome ?? "errored", message: said }));
  }
  return [...suites].map(([name, cases]) => ({ name, cases, complete: false }));
}
