import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createContainerFiles } from "../../../../lib/engine/container-files.ts";
import { testPodOf } from "../../../support/test-pod.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-unit-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("The folder behind a container's /gpu-ci", () => {
  it("keeps plain secrets in a file of this user, and others out of every file", async () => {
    const secretEnv = { PLAIN: 'a=b "c" #d', LINES: "a\nb", QUOTED: '"a"', BLANK: " a", EMPTY: "" };
    const files = await createContainerFiles(testPodOf({ image: "a", secretEnv }), folder);
    expect(await readFile(files.envFile, "utf8")).toBe('PLAIN=a=b "c" #d\nEMPTY=\n');
    expect((await stat(files.envFile)).mode & 0o777).toBe(0o600);
    expect((await stat(join(files.envFile, ".."))).mode & 0o777).toBe(0o700);
    expect(files.inheritedEnv).toEqual({ LINES: "a\nb", QUOTED: '"a"', BLANK: " a" });
    await files.remove();
    expect(await readdir(folder)).toEqual([]);
  });

  it("refuses a secret that would change podman itself", async () => {
    const made = createContainerFiles(testPodOf({ image: "a", secretEnv: { LD_PRELOAD: "a\nb" } }), folder);
    await expect(made).rejects.toThrow(/^secret-env LD_PRELOAD has a value that an environment file cannot hold/);
  });

  it("follows no link that a test left behind", async () => {
    const files = await createContainerFiles(testPodOf({ image: "a" }), folder);
    await mkdir(join(files.out, "r"));
    await writeFile(join(files.out, "r", "t.xml"), "<x/>");
    await symlink("/etc/passwd", join(files.out, "r", "u.xml"));
    await symlink("/etc", join(files.out, "etc"));
    await promisify(execFile)("mkfifo", [join(files.out, "pipe")]);
    await symlink("/etc/passwd", join(files.control, "receipt"));
    const target = join(folder, "collected");
    expect(await files.collect(target)).toEqual([
      { path: "r/t.xml", sizeBytes: 4, sha256: createHash("sha256").update("<x/>").digest("hex") },
    ]);
    expect(await files.receipt()).toBe("");
  });
});
