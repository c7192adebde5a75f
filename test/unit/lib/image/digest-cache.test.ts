import { lstat, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openDigestCache } from "../../../../lib/image/digest-cache.ts";

let directory: string;
let file: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gpu-ci-digests-"));
  file = join(directory, "data.bin");
  await writeFile(file, "before");
});

afterEach(() => rm(directory, { recursive: true, force: true }));

const stat = () => lstat(file, { bigint: true });

/** Opens the cache as a run does that begins some seconds after the last change of the test's file. */
const open = (laterMs = 10_000) => openDigestCache("/project", { RUNNER_TOOL_CACHE: directory }, Date.now() + laterMs);

async function keep(sha256: string): Promise<void> {
  const cache = await open();
  cache.keep(await stat(), sha256);
  await cache.save();
}

describe("the cache of digests", () => {
  it("knows a file again that is the same by inode, size and times", async () => {
    expect((await open()).find(await stat())).toBeUndefined();
    await keep("aa");
    expect((await open()).find(await stat())).toBe("aa");
  });

  it("does not know a file whose content changed while size and modification time are as before", async () => {
    const { mtime } = await lstat(file);
    await keep("aa");
    await writeFile(file, "behind");
    await utimes(file, mtime, mtime);
    expect((await open()).find(await stat())).toBeUndefined();
  });

  it("does not keep a file that changed just before the run: it may change again within the clock's step", async () => {
    const cache = await open(1000);
    cache.keep(await stat(), "aa");
    await cache.save();
    expect((await open()).find(await stat())).toBeUndefined();
  });

  it("forgets what a run did not see", async () => {
    await keep("aa");
    const seen = await stat();
    await writeFile(file, "other");
    await keep("bb");
    expect((await open()).find(seen)).toBeUndefined();
    expect((await open()).find(await stat())).toBe("bb");
  });

  it("counts as empty when its file is damaged, and the damage is mended", async () => {
    await keep("aa");
    const folder = join(directory, "gpu-ci", "digests");
    const [name] = await readdir(folder);
    await writeFile(join(folder, String(name)), '{"version":"gpu-ci dig');
    expect((await open()).find(await stat())).toBeUndefined();
    await keep("aa");
    expect((await open()).find(await stat())).toBe("aa");
  });

  it("does without a folder that cannot be written", async () => {
    const cache = await openDigestCache("/project", { RUNNER_TOOL_CACHE: file });
    cache.keep(await stat(), "aa");
    await expect(cache.save()).resolves.toBeUndefined();
  });
});
