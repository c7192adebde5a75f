import { SaxesParser, type SaxesTagPlain } from "saxes";
import { namesGpu, type Outcome, type TestCase, type TestSuite } from "./test-suite.ts";

const messageLimit = 4000;
const textLimit = 16_000;

/** Of surefire, and of pytest-rerunfailures. */
const retryElements = ["flakyFailure", "flakyError", "rerunFailure", "rerunError", "rerun"];

interface OpenSuite {
  readonly name: string;
  readonly properties: string[];
  readonly cases: TestCase[];
}

interface OpenCase {
  readonly attributes: Readonly<Record<string, string>>;
  readonly properties: string[];
  outcome: Outcome;
  message: string;
  text: string;
  /** What it did before it was tried again stands beside its last result. */
  retried: boolean;
}

interface Reader {
  readonly suites: { readonly suite: OpenSuite; closed: boolean }[];
  readonly openSuites: OpenSuite[];
  readonly openTags: string[];
  openCase: OpenCase | undefined;
  /** Where character data belongs at the moment. */
  collecting: boolean;
}

/**
 * Reads JUnit XML in the dialects of pytest, gtest, ctest, surefire, jest and go-junit-report: nested suites, properties, several
 * documents in one file. It never throws: a truncated or damaged file keeps what came before, the case it breaks off in is errored,
 * and its suites say `complete: false`.
 */
export function parseJunit(source: string): TestSuite[] {
  const reader: Reader = { suites: [], openSuites: [], openTags: [], openCase: undefined, collecting: false };
  const parser = new SaxesParser({ xmlns: false });
  // Faults that leave the structure readable (a control character, an unknown entity) must not hide the cases behind them.
  let damaged = false;
  parser.on("error", (error) => {
    damaged ||= /\btag\b/.test(error.message);
  });
  parser.on("opentag", (tag) => openTag(reader, tag));
  parser.on("closetag", (tag) => closeTag(reader, tag.name));
  parser.on("text", (text) => addText(reader, text));
  parser.on("cdata", (text) => addText(reader, text));
  parser.write(source.replace(/^\uFEFF/, ""));
  const complete = !damaged && reader.openTags.length === 0 && reader.openCase === undefined;
  if (reader.openCase) closeBrokenCase(reader, reader.openCase);
  return reader.suites
    .filter(({ suite, closed }) => suite.cases.length > 0 || !closed)
    .map(({ suite, closed }) => ({ name: suite.name, cases: suite.cases, complete: complete || (closed && !damaged) }));
}

function openTag(reader: Reader, tag: SaxesTagPlain): void {
  if (!tag.isSelfClosing) reader.openTags.push(tag.name);
  const name = tag.name.slice(tag.name.indexOf(":") + 1);
  if (name === "testsuite") openSuite(reader, tag.attributes.name ?? "");
  else if (name === "testcase") openTestCase(reader, tag.attributes);
  else if (name === "property") addProperty(reader, tag.attributes);
  else if (name === "failure" || name === "error" || name === "skipped") openResult(reader, name, tag.attributes);
  else if (retryElements.includes(name) && reader.openCase) reader.openCase.retried = true;
}

function closeTag(reader: Reader, tagName: string): void {
  const at = reader.openTags.lastIndexOf(tagName);
  if (at !== -1) reader.openTags.length = at;
  const name = tagName.slice(tagName.indexOf(":") + 1);
  if (name === "testsuite") closeSuite(reader);
  else if (name === "testcase" && reader.openCase) closeTestCase(reader, reader.openCase);
  else if (name === "failure" || name === "error" || name === "skipped") closeResult(reader);
}

function openSuite(reader: Reader, name: string): void {
  const outer = reader.openSuites.at(-1);
  const path = outer?.name && name ? `${outer.name} > ${name}` : (outer?.name ?? "") || name;
  const suite: OpenSuite = { name: path, properties: [...(outer?.properties ?? [])], cases: [] };
  reader.openSuites.push(suite);
  reader.suites.push({ suite, closed: false });
}

function closeSuite(reader: Reader): void {
  const suite = reader.openSuites.pop();
  const entry = reader.suites.findLast((candidate) => candidate.suite === suite);
  if (entry) entry.closed = true;
}

function openTestCase(reader: Reader, attributes: Readonly<Record<string, string>>): void {
  const skipped =
    ["notrun", "disabled", "skipped"].includes(attributes.status ?? "") || attributes.result === "suppressed";
  reader.openCase = {
    attributes,
    properties: [],
    outcome: skipped ? "skipped" : "passed",
    message: skipped ? (attributes.status ?? "") : "",
    text: "",
    retried: false,
  };
}

function addProperty(reader: Reader, attributes: Readonly<Record<string, string>>): void {
  const property = `${attributes.name ?? ""}=${attributes.value ?? ""}`;
  (reader.openCase ?? reader.openSuites.at(-1))?.properties.push(property);
}

function openResult(
  reader: Reader,
  element: "failure" | "error" | "skipped",
  attributes: Readonly<Record<string, string>>,
): void {
  // A failure of a whole suite (a fixture, a crash while collecting) has no case of its own: it becomes one.
  reader.openCase ??= {
    attributes: { name: "(suite)" },
    properties: ["suite"],
    outcome: "passed",
    message: "",
    text: "",
    retried: false,
  };
  const outcome = ({ failure: "failed", error: "errored", skipped: "skipped" } as const)[element];
  const worse = outcome !== "skipped" || reader.openCase.outcome === "passed" || reader.openCase.outcome === "skipped";
  if (worse) reader.openCase.outcome = outcome;
  if (worse) reader.openCase.message = (attributes.message ?? attributes.type ?? "").slice(0, messageLimit);
  reader.collecting = worse;
}

function closeResult(reader: Reader): void {
  reader.collecting = false;
  const isSuiteFailure = reader.openCase?.attributes.name === "(suite)" && reader.openCase.properties[0] === "suite";
  if (isSuiteFailure && reader.openCase) closeTestCase(reader, reader.openCase);
}

function addText(reader: Reader, text: string): void {
  const open = reader.openCase;
  if (open && reader.collecting && open.text.length < textLimit) open.text = (open.text + text).slice(0, textLimit);
}

function closeBrokenCase(reader: Reader, open: OpenCase): void {
  if (open.outcome === "passed" || open.outcome === "skipped") {
    open.outcome = "errored";
    open.message = "The result file ends inside this case.";
  }
  closeTestCase(reader, open);
}

function closeTestCase(reader: Reader, open: OpenCase): void {
  reader.openCase = undefined;
  reader.collecting = false;
  if (reader.openSuites.length === 0) openSuite(reader, "");
  const suite = reader.openSuites.at(-1);
  suite?.cases.push(toTestCase(suite, open));
}

function toTestCase(suite: OpenSuite, open: OpenCase): TestCase {
  const { attributes, properties, outcome, message, text } = open;
  const className = attributes.classname ?? attributes.class ?? "";
  const name = attributes.name ?? "";
  const firstLine = text.trim().split("\n", 1)[0] ?? "";
  const shown = message || firstLine.slice(0, messageLimit);
  const line = Number(attributes.line ?? attributes.lineno);
  const skipMessage = outcome === "skipped" ? `${shown} ${text}` : "";
  return {
    suite: suite.name,
    className,
    name,
    outcome,
    durationMs: parseSeconds(attributes.time ?? attributes.duration) * 1000,
    message: shown,
    text: text.trim(),
    file: attributes.file ?? attributes.filepath,
    line: Number.isInteger(line) && line > 0 ? line : undefined,
    gpu: namesGpu([suite.name, ...suite.properties, className, name, ...properties, skipMessage].join("\n")),
    ...(open.retried && outcome === "passed" ? { flaky: true } : {}),
  };
}

/** `1.5`, `1,234.56` (surefire) and `0,25` (locales with a decimal comma); anything else is 0. */
function parseSeconds(text: string | undefined): number {
  if (text === undefined) return 0;
  const plain = text.includes(".") ? text.replaceAll(",", "") : text.replace(",", ".");
  const seconds = Number(plain);
  return Number.isFinite(seconds) && seconds > 0 ? Math.round(seconds * 1e6) / 1e6 : 0;
}
