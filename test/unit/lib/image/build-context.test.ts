import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findIgnoreFile, readContext, readIgnoreFile } from "../../../../lib/image/build-context.ts";
import { openDigestCache } from "../../../../lib/image/digest-cache.ts";

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gpu-ci-context-"));
  await mkdir(join(directory, "src", "out"), { recursive: true });
  await writeFile(join(directory, "src", "a.c"), "a");
  await writeFile(join(directory, "src", "run.sh"), "run");
  await chmod(join(directory, "src", "run.sh"), 0o755);
  await writeFile(join(directory, "src", "out", "a.o"), "o");
  await symlink("a.c", join(directory, "src", "link"));
  await writeFile(join(directory, "other.txt"), "other");
  await writeFile(join(directory, ".dockerignore"), "**/out\n");
});

afterAll(() => rm(directory, { recursive: true, force: true }));

async function paths(sources: readonly string[] | "everything", ignore: readonly string[] = []) {
  const digests = await openDigestCache(directory, { RUNNER_TOOL_CACHE: join(directory, "cache") });
  const files = await readContext({ directory, sources, ignore, digests, signal: new AbortController().signal });
  return files.map(({ path, kind }) => `${path} ${kind}`);
}

describe("the files that a build can read", () => {
  it("are those below its sources, with what kind each is", async () => {
    expect(await paths(["src"])).toEqual([
      "src/a.c file",
      "src/link link",
      "src/out/a.o file",
      "src/run.sh executable",
    ]);
    expect(await paths(["src/*.c"])).toEqual(["src/a.c file"]);
    expect(await paths([])).toEqual([]);
  });

  it("leave out what the ignore file names, but for what it takes back", async () => {
    const ignore = await readIgnoreFile(await findIgnoreFile(join(directory, "Dockerfile_base"), directory));
    expect(await paths("everything", ignore)).toEqual([
      ".dockerignore file",
      "other.txt file",
      "src/a.c file",
      "src/link link",
      "src/run.sh executable",
    ]);
    expect(await paths(["src"], ["src", "!src/out/*.o"])).toEqual(["src/out/a.o file"]);
  });

  it("prefer the ignore file of the Dockerfile itself", async () => {
    const own = join(directory, "Dockerfile_other.dockerignore");
    await writeFile(own, "");
    expect(await findIgnoreFile(join(directory, "Dockerfile_other"), directory)).toBe(own);
    await rm(own);
  });
});
