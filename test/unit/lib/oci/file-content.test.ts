import { execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readFileContent } from "../../../../lib/oci/file-content.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-content-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function readCopies(path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of readFileContent(path)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

describe("readFileContent", () => {
  it.each([0, 1, 1 << 20, (1 << 20) + 1, 3_500_000])("gives all of %i bytes in order", async (size) => {
    const bytes = randomBytes(size);
    writeFileSync(join(folder, "file"), bytes);
    expect((await readCopies(join(folder, "file"))).equals(bytes)).toBe(true);
  });

  it("may be left in the middle", async () => {
    writeFileSync(join(folder, "large"), randomBytes(3_000_000));
    for await (const chunk of readFileContent(join(folder, "large"))) {
      expect(chunk.length).toBe(1 << 19);
      break;
    }
  });

  it("lets others have their turn while it reads a file that is there at once", async () => {
    writeFileSync(join(folder, "large"), randomBytes(20_000_000));
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    for await (const _chunk of readFileContent(join(folder, "large")));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(0);
  });

  describe("of a file that comes slowly", () => {
    // A pipe is as slow as its writer: a piece every 20 ms.
    const writer = `i=0; while [ $i -lt 30 ]; do printf '%05d' $i; sleep 0.02; i=$((i + 1)); done`;
    const wanted = Array.from({ length: 30 }, (_, at) => String(at).padStart(5, "0")).join("");
    const startWriter = async () => {
      const path = join(mkdtempSync(join(folder, "pipe-")), "pipe");
      await promisify(execFile)("mkfifo", [path]);
      const child = spawn("/bin/sh", ["-c", `exec >"$0"; ${writer}`, path], { stdio: "ignore" });
      return { path, child };
    };

    it("gives all of it, and waits in place for its beginning only", async () => {
      let turns = 0;
      const timer = setInterval(() => turns++, 1);
      const bytes = await readCopies((await startWriter()).path);
      clearInterval(timer);
      expect([bytes.toString(), turns > 30]).toEqual([wanted, true]);
    });

    it("may be left in the middle of it", async () => {
      const { path, child } = await startWriter();
      const ended = once(child, "close");
      let count = 0;
      for await (const _chunk of readFileContent(path)) if (++count === 5) break;
      await ended;
      expect(count).toBe(5);
    });
  });

  it("says which file is missing", async () => {
    await expect(readCopies(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
