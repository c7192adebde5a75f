import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { exec } from "../../../../lib/exec.ts";
import { openRepository } from "../../../../lib/git/repository.ts";
import { createRepository, gitEnvironment } from "../../../support/git-repository.ts";

function open(directory: string, env: NodeJS.ProcessEnv = {}) {
  return openRepository({ exec, directory, env: { ...gitEnvironment, ...env } });
}

describe("openRepository", () => {
  it("describes a clean checkout on a branch, from a folder inside it", async () => {
    await using repository = await createRepository();
    await repository.write("sub/file", "1");
    const commit = await repository.commit("first", 1554337180);
    await repository.git("remote", "add", "origin", "git@other:o/r.git");
    expect(await open(join(repository.path, "sub"))).toEqual({
      root: repository.path,
      commit,
      commitTime: new Date("2019-04-04T00:19:40.000Z"),
      branch: "main",
      eventTag: undefined,
      dirty: false,
      shallow: false,
      remote: "origin",
      remoteUrl: { host: "other", path: "o/r", url: "https://other/o/r" },
    });
  });

  it("takes the branch of a detached depth-1 checkout from the event", async () => {
    await using repository = await createRepository();
    await repository.commit("first");
    await repository.commit("second");
    const clone = join(repository.parent, "clone");
    await repository.gitIn(repository.parent, "clone", "--quiet", "--depth=1", `file://${repository.path}`, clone);
    await repository.gitIn(clone, "checkout", "--quiet", "--detach");
    const found = await open(clone, { GITHUB_HEAD_REF: "feature/x", GITHUB_REF: "refs/pull/1/merge" });
    expect([found.branch, found.shallow, found.remoteUrl]).toEqual(["feature/x", true, undefined]);
  });

  it("deviates from duat: a detached checkout without an event has a name, not an empty one", async () => {
    await using repository = await createRepository();
    const first = await repository.commit("first");
    await repository.git("branch", "only-one");
    const second = await repository.commit("second");
    await repository.git("checkout", "--quiet", "--detach", first);
    expect((await open(repository.path)).branch).toBe("only-one");
    await repository.git("branch", "and-another");
    expect((await open(repository.path)).branch).toBe(`detached-${first.slice(0, 12)}`);
    await repository.git("checkout", "--quiet", "--detach", second);
    expect((await open(repository.path)).branch).toBe("main");
  });

  it("works in a linked worktree and sees changed and untracked files", async () => {
    await using repository = await createRepository();
    await repository.commit("first");
    const linked = join(repository.parent, "linked");
    await repository.git("worktree", "add", "--quiet", "-b", "fix/y", linked);
    expect((await open(linked)).branch).toBe("fix/y");
    await repository.write("new", "");
    expect([(await open(repository.path)).dirty, (await open(linked)).dirty]).toEqual([true, false]);
  });

  it("names the tag of the event", async () => {
    await using repository = await createRepository();
    await repository.commit("first");
    await repository.git("tag", "--annotate", "v1.2.3", "-m", "release");
    await repository.git("checkout", "--quiet", "v1.2.3");
    const found = await open(repository.path, { GITHUB_REF: "refs/tags/v1.2.3" });
    expect([found.branch, found.eventTag]).toEqual(["v1.2.3", "v1.2.3"]);
  });

  it("says what is wrong with a folder that is no repository, and with one without a commit", async () => {
    await using repository = await createRepository();
    await expect(open(repository.parent)).rejects.toMatchObject({ code: "not-a-repository" });
    await expect(open(repository.path)).rejects.toMatchObject({ code: "no-commit" });
    await expect(open(repository.path, { PATH: "/nonexistent" })).rejects.toMatchObject({ code: "git-missing" });
  });
});
