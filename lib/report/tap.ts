import { placeIn, toTestCase } from "./test-case.ts";
import { isFailed, type TestCase, type TestSuite } from "./test-suite.ts";

/** The tests of one depth: the document itself, or a subtest. */
interface Level {
  readonly name: string;
  readonly cases: TestCase[];
  readonly notes: string[];
  planned: number | undefined;
  count: number;
}

interface Reader {
  readonly levels: Level[];
  /** Lines of a YAML block that is open. */
  block: string[] | undefined;
  bailedOut: string | undefined;
  /** Whether a subtest had fewer or more tests than it planned. */
  isShort: boolean;
}

const testLine = /^(not )?ok\b(?:\s+\d+)?(?:\s*-)?\s*(.*?)(?:\s+#\s*(skip|todo)\S*\s*(.*))?$/i;

/**
 * Reads the Test Anything Protocol, versions 12 to 14, subtests included: https://testanything.org/tap-version-14-specification.html. A suite
 * without its plan, with another number of tests than planned, or that bailed out says `complete: false`. It never throws.
 */
export function parseTap(source: string): TestSuite[] {
  const reader: Reader = { levels: [newLevel("")], block: undefined, bailedOut: undefined, isShort: false };
  for (const line of source.split(/\r?\n/)) readLine(reader, line);
  while (reader.levels.length > 1) closeSubtest(reader);
  const [top] = reader.levels;
  if (!top) return [];
  if (reader.bailedOut !== undefined)
    top.cases.push(toTestCase({ suite: "", name: "Bail out!", outcome: "errored", message: reader.bailedOut }));
  const complete = isWhole(top) && !reader.isShort && reader.bailedOut === undefined && reader.block === undefined;
  return top.cases.length === 0 && complete ? [] : [{ name: "", cases: top.cases, complete }];
}

function newLevel(name: string): Level {
  return { name, cases: [], notes: [], planned: undefined, count: 0 };
}

function isWhole({ planned, count }: Level): boolean {
  return planned === count;
}

function readLine(reader: Reader, raw: string): void {
  const line = raw.trim();
  const depth = Math.floor((raw.length - raw.trimStart().length) / 4);
  const [, subtest] = /^# Subtest:?\s*(.*)$/.exec(line) ?? [];
  const [, plan] = /^1\.\.(\d+)/.exec(line) ?? [];
  if (reader.block) readBlock(reader, line);
  else if (line === "---") reader.block = [];
  else if (subtest !== undefined) openSubtest(reader, subtest, depth);
  else if (plan !== undefined) readPlan(reader, Number(plan), depth);
  else if (line.startsWith("#")) reader.levels.at(-1)?.notes.push(line.slice(1).trim());
  else if (line.startsWith("Bail out!")) reader.bailedOut = line;
  else readTest(reader, line, depth);
}

/** A subtest's comment stands at its own depth (Perl) or at that of its parent (Node); a subtest without one begins with its plan. */
function openSubtest(reader: Reader, name: string, depth: number): void {
  while (reader.levels.length > depth + 1) closeSubtest(reader);
  const outer = reader.levels.at(-1)?.name;
  reader.levels.push(newLevel(outer && name ? `${outer} > ${name}` : name || outer || ""));
}

function readPlan(reader: Reader, planned: number, depth: number): void {
  if (depth === reader.levels.length) openSubtest(reader, "", depth);
  const level = reader.levels[depth];
  if (level) level.planned = planned;
}

function closeSubtest(reader: Reader): Level | undefined {
  const level = reader.levels.pop();
  if (level && !isWhole(level)) reader.isShort = true;
  reader.levels.at(-1)?.cases.push(...(level?.cases ?? []));
  return level;
}

function readTest(reader: Reader, line: string, depth: number): void {
  const match = testLine.exec(line);
  if (!match || depth >= reader.levels.length) return;
  const [, not, name = "", directive, why = ""] = match;
  let inner: Level | undefined;
  while (reader.levels.length > depth + 1) inner = closeSubtest(reader);
  const level = reader.levels.at(-1);
  if (!level) return;
  level.count++;
  const failed = not !== undefined && directive?.toLowerCase() !== "todo";
  const outcome = directive ? "skipped" : failed ? "failed" : "passed";
  const text = level.notes.splice(0).join("\n");
  // A subtest's own line sums up its tests: it is a case only where it says more than they do.
  if (inner && inner.cases.length > 0 && (!failed || inner.cases.some(isFailed))) return;
  const message = directive ? why || directive : failed ? (text.split("\n", 1)[0] ?? "") : "";
  level.cases.push(toTestCase({ suite: level.name, name: name || `test ${level.count}`, outcome, message, text }));
}

/** The block below a test line belongs to it: message, file and line of its failure. */
function readBlock(reader: Reader, line: string): void {
  if (line !== "...") {
    reader.block?.push(line);
    return;
  }
  const lines = reader.block ?? [];
  reader.block = undefined;
  const cases = reader.levels.at(-1)?.cases;
  const last = cases?.pop();
  if (!cases || !last) return;
  const fieldOf = (key: string) => {
    const found = lines.find((entry) => entry.startsWith(`${key}:`))?.slice(key.length + 1);
    return found?.trim().replaceAll(/^["']|["']$/g, "");
  };
  const duration = Number(fieldOf("duration_ms"));
  const [file, at] = [fieldOf("file"), Number(fieldOf("line"))];
  const place = file ? { file, line: at > 0 ? at : undefined } : placeIn(fieldOf("at") ?? fieldOf("location") ?? "");
  const message = fieldOf("message") ?? fieldOf("error") ?? last.message;
  const durationMs = duration > 0 ? duration : last.durationMs;
  const isBad = isFailed(last);
  cases.push(toTestCase({ ...last, durationMs, ...(isBad ? { ...place, message, text: lines.join("\n") } : {}) }));
}
