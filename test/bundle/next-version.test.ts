import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runBundle } from "../support/bundle.ts";
import { createRepository } from "../support/git-repository.ts";
import { startGitServer } from "../support/git-server.ts";

describe("next-version", () => {
  it("works on a depth-1 clone of a pull request as actions/checkout makes it", async () => {
    await using repository = await createRepository();
    await using server = await startGitServer(repository.parent);
    await repository.write("README.md", "# x\n\n<repo-version>1.2.3</repo-version>\n");
    await repository.commit("first");
    await repository.git("tag", "v1.2.3-rc.4");
    const sha = await repository.commit("second");
    await repository.gitIn(repository.parent, "clone", "--quiet", "--bare", "work", "remote.git");
    await repository.gitIn(repository.parent, "clone", "--quiet", "--depth=1", `${server.url}/remote.git`, "clone");
    const cwd = join(repository.parent, "clone");
    await repository.gitIn(cwd, "checkout", "--quiet", "--detach");
    const { exitCode, outputs } = await runBundle("next-version", {
      cwd,
      inputs: { bump: "prerelease", "prerelease-id": "rc" },
      env: { GITHUB_HEAD_REF: "feature/212-kops_1", GITHUB_REF: "refs/pull/1/merge" },
    });
    expect([exitCode, outputs]).toEqual([
      0,
      {
        version: "1.2.3-rc.5",
        "previous-version": "1.2.3",
        tag: "v1.2.3-rc.5",
        "image-tag": "1.2.3-rc.5",
        "branch-tag": "feature-212-kops-1",
        namespace: "gpu-ci-feature-212-kops-1",
        sha,
        "is-prerelease": "true",
        "commit-time": "2026-11-20T15:38:39Z",
      },
    ]);
  });

  it.each([
    [{ bump: "huge" }, 'Input bump is "huge"; allowed: none, patch, minor, major, prerelease, auto.'],
    [{ "prerelease-id": "RC 1" }, 'Input prerelease-id is "RC 1"; allowed: lower-case letters'],
    [{ "tag-prefix": "a..b" }, 'Input tag-prefix is "a..b"; allowed: the beginning of a git tag'],
    [{ file: "version.json" }, 'Input file is "version.json"; allowed: auto, tags, or a file in'],
    [{ verify: "yes" }, 'Input verify is "yes"; allowed: true, false.'],
  ])("refuses %j", async (inputs, said) => {
    await using repository = await createRepository();
    await repository.commit("first");
    const { exitCode, stdout } = await runBundle("next-version", { cwd: repository.path, inputs });
    expect([exitCode, stdout]).toEqual([2, expect.stringContaining(said)]);
  });

  it("ends with 3 where there is no repository", async () => {
    const { exitCode, stdout } = await runBundle("next-version");
    expect([exitCode, stdout]).toEqual([3, expect.stringContaining("is not inside a git worktree.")]);
  });
});
