import { readFile } from "node:fs/promises";
import { parseJunit } from "./junit.ts";
import type { TestSuite } from "./test-suite.ts";

/** Result files beyond this size are cut, which leaves their last suite incomplete: no success can come from them. */
const sizeLimitBytes = 200_000_000;

/** Reads JUnit files in the order given. A file that is no XML, or holds no suite, adds an incomplete suite under its own path. */
export async function readResultFiles(paths: readonly string[]): Promise<TestSuite[]> {
  const suites: TestSuite[] = [];
  for (const path of paths) {
    const bytes = await readFile(path);
    const found = parseJunit(decode(bytes.subarray(0, sizeLimitBytes)));
    const isReport = found.length > 0 || /<testsuites?[\s/>]/.test(bytes.subarray(0, 4096).toString("latin1"));
    suites.push(...(isReport ? found : [{ name: path, cases: [], complete: false }]));
  }
  return suites;
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
