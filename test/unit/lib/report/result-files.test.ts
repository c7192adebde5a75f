import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readLogText, readResultFiles } from "../../../../lib/report/result-files.ts";

async function withFile<T>(content: string | Buffer, body: (path: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "gpu-ci-results-"));
  try {
    const path = join(folder, "results");
    writeFileSync(path, content);
    return await body(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const namesIn = (content: string | Buffer) =>
  withFile(content, async (path) =>
    (await readResultFiles([path])).map(({ cases, complete }) => [cases.map(({ name }) => name), complete]),
  );

describe("readResultFiles", () => {
  it.each<[string, string | Buffer]>([
    ["JUnit XML", '<testsuite name="s"><testcase name="a"/></testsuite>'],
    ["JUnit XML in UTF-16", Buffer.from('\uFEFF<testsuite name="s"><testcase name="a"/></testsuite>', "utf16le")],
    [
      "JUnit XML that prints TAP",
      '<testsuite><testcase name="a"/><system-out>\nok 1 - b\n1..1\n</system-out></testsuite>',
    ],
    ["TAP", "TAP version 13\nok 1 - a\n1..1\n"],
    ["TAP without its version", "1..1\nok 1 - a\n"],
    ["go test -json", '{"Action":"pass","Package":"p","Test":"a"}\n{"Action":"pass","Package":"p"}\n'],
  ])("knows %s by its content", async (_name, content) => {
    expect(await namesIn(content)).toEqual([[["a"], true]]);
  });

  it.each([
    ["nothing", ""],
    ["other text", "all good\n"],
    ["other JSON", '{"passed": 3}\n'],
  ])("takes %s for an incomplete suite", async (_name, content) => {
    expect(await namesIn(content)).toEqual([[[], false]]);
  });
});

describe("readLogText", () => {
  it("reads the cases of a log, and none of one that is not there", async () => {
    const log = "--- FAIL: TestA (0.10s)\n";
    const suites = await withFile(log, readLogText);
    expect(suites.map(({ cases, complete }) => [cases.map(({ name }) => name), complete])).toEqual([
      [["TestA"], false],
    ]);
    expect(await readLogText(join(tmpdir(), "gpu-ci-nowhere.log"))).toEqual([]);
  });
});
