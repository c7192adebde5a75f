import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { parseGoTestJson } from "./go-test-json.ts";
import { parseJunit } from "./junit.ts";
import { createLogText } from "./log-text.ts";
import { parseTap } from "./tap.ts";
import type { TestSuite } from "./test-suite.ts";

/** Result files beyond this size are cut, which leaves their last suite incomplete: no success can come from them. */
const sizeLimitBytes = 200_000_000;
const lineLimit = 10_000;

/** Reads result files in the order given. A file of no known format, or one that holds no suite, adds an incomplete suite under its own path. */
export async function readResultFiles(paths: readonly string[]): Promise<TestSuite[]> {
  const suites: TestSuite[] = [];
  for (const path of paths) {
    const bytes = await readFile(path);
    suites.push(...(readBytes(bytes.subarray(0, sizeLimitBytes)) ?? [{ name: path, cases: [], complete: false }]));
  }
  return suites;
}

/** The cases that a log names, for a run that was ended before it wrote its result files. */
export async function readLogText(path: string): Promise<TestSuite[]> {
  const text = createLogText();
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) text.push(line.slice(0, lineLimit));
  } catch {
    // A test that never began has no log.
  }
  return text.suites();
}

/** Undefined when the bytes are of no known format. A file is what it looks like, whatever its name. */
function readBytes(bytes: Buffer): TestSuite[] | undefined {
  const head = decode(bytes.subarray(0, 4096)).trimStart();
  if (!head.startsWith("<") && /^\{.*"Action":/m.test(head)) return parseGoTestJson(bytes.toString("utf8"));
  if (!head.startsWith("<") && /^(TAP version \d|1\.\.\d+|(not )?ok\b)/m.test(head))
    return parseTap(bytes.toString("utf8"));
  const found = parseJunit(decode(bytes));
  return found.length > 0 || /<testsuites?[\s/>]/.test(head) ? found : undefined;
}

/** XML says its encoding by a byte order mark or in its declaration; the default is UTF-8. */
function decode(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  const declared =
    /^<\?xml[^>]*encoding=["']([\w.-]+)["']/.exec(bytes.subarray(0, 200).toString("latin1"))?.[1] ?? "utf-8";
  try {
    return new TextDecoder(declared).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}
