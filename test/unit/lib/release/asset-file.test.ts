import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentLog } from "../../../../lib/log.ts";
import { assetNameOf, findAssetFiles } from "../../../../lib/release/asset-file.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gpu-ci-assets-"));
  await mkdir(join(directory, "build/sub"), { recursive: true });
  for (const name of ["build/a.tar", "build/b-debug.tar", "build/sub/a.tar", "build/.hidden"]) {
    await writeFile(join(directory, name), "x");
  }
  await writeFile(join(directory, "empty"), "");
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const find = (patterns: readonly string[], failOnUnmatched = true) =>
  findAssetFiles(patterns, { directory, failOnUnmatched, log: silentLog });

describe("files of a release", () => {
  it("are what the patterns match, without what `!` takes out, each once", async () => {
    const files = await find(["build/*.tar", "build/a.tar", "build/.hidden", "!build/*-debug.tar"]);
    expect(files.map(({ path, name, sizeBytes }) => [basename(path), name, sizeBytes])).toEqual([
      [".hidden", "default.hidden", 1],
      ["a.tar", "a.tar", 1],
    ]);
    expect(files[0]?.digest).toBe("sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881");
  });

  it.each([
    [["absent"], "matches none"],
    [["empty"], "this one has 0 bytes"],
    [["build/a.tar", "build/sub/a.tar"], "one file named a.tar"],
  ])("%j are refused: %s", async (patterns, said) => {
    await expect(find(patterns)).rejects.toMatchObject({ input: "files", message: expect.stringContaining(said) });
  });

  it("may lack where the caller allows it", async () => expect(await find(["absent"], false)).toEqual([]));

  it.each([
    ["a b (1).tar", "a.b.1.tar"],
    ["gcc+1.0~rc_1-x.deb", "gcc+1.0.rc_1-x.deb"],
    ["ünï.txt", "default.n.txt"],
    ["a..b.tar", "a..b.tar"],
    [".env", "default.env"],
    ["日本", "default"],
  ])("%s is named %s", (path, name) => expect(assetNameOf(`/x/${path}`)).toBe(name));
});
