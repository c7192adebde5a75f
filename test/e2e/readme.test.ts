import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { gitIn } from "../support/forge.ts";
import { copyProject } from "../support/forge-publish.ts";
import { root } from "../support/house.ts";

/** Commands that README shows and that a machine can run: fenced as `sh`. What only a person can do is fenced as `console`. */
const blocks = [...readFileSync(join(root, "README.md"), "utf8").matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(
  ([, block = ""]) => block,
);
let clone: string;

beforeAll(async () => {
  // Also a path with a blank must do.
  clone = join(mkdtempSync(join(tmpdir(), "gpu-ci-readme-")), "a clone");
  copyProject(clone);
  const git = gitIn(clone);
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "clone");
});
afterAll(() => rmSync(join(clone, ".."), { recursive: true, force: true }));

describe("README", () => {
  it("has commands to run", () => {
    expect(blocks.join("")).toContain("npm ci\nnpm run demo\n");
  });

  it.each(blocks)("has a block that runs in a fresh clone: %s", async (block) => {
    const { exitCode, stdout, stderr } = await exec("bash", ["-e"], { cwd: clone, stdin: block, ignoreExitCode: true });
    expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
  });
});
