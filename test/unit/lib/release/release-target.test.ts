import { describe, expect, it } from "vitest";
import type { Exec } from "../../../../lib/exec.ts";
import { findReleaseTarget, isPrereleaseTag } from "../../../../lib/release/release-target.ts";

const commit = "a".repeat(40);
/** A git that knows HEAD and main, or nothing at all. */
const git =
  (known: boolean): Exec =>
  async (_command, args) => {
    const found = known && /^(HEAD|main)\^/.test(args.at(-1) ?? "");
    return { stdout: found ? `${commit}\n` : "", stderr: "", exitCode: found ? 0 : 128 };
  };
const find = (known: boolean, env: NodeJS.ProcessEnv, tagName?: string, targetCommitish?: string) =>
  findReleaseTarget({ exec: git(known), directory: "/", env }, { tagName, targetCommitish });
const tagRun = { GITHUB_REF: "refs/tags/v1.2.3", GITHUB_SHA: commit };

describe("what a release is for", () => {
  it("is the tag and commit of the run, or what the inputs say", async () => {
    expect(await find(true, tagRun)).toEqual({ tag: "v1.2.3", commit, tagIsTarget: true });
    expect(await find(false, tagRun)).toEqual({ tag: "v1.2.3", commit, tagIsTarget: true });
    expect(await find(true, tagRun, "v2", "main")).toEqual({ tag: "v2", commit, tagIsTarget: false });
    const other = "b".repeat(40);
    expect(await find(true, tagRun, "v1.2.3", other)).toEqual({ tag: "v1.2.3", commit: other, tagIsTarget: false });
  });

  it("is never a branch that cannot be pinned, and needs a tag", async () => {
    await expect(find(true, {})).rejects.toMatchObject({ input: "tag-name" });
    await expect(find(true, {}, "v1", "gone")).rejects.toMatchObject({ input: "target-commitish" });
    await expect(find(false, {}, "v1")).rejects.toMatchObject({ input: "target-commitish" });
  });

  it.each([
    ["v1.2.3", false],
    ["v1.2.3-rc.1", true],
    ["runner/v1.2.3-main-aaaahivscpu", true],
    ["nightly-2026", false],
  ])("tag %s is a pre-release: %s", (tag, expected) => expect(isPrereleaseTag(tag)).toBe(expected));
});
