import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
      expect(chunk.length).toBe(1 << 21);
      break;
    }
  });

  it("says which file is missing", async () => {
    await expect(readCopies(join(folder, "none"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
