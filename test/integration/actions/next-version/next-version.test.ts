import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { nextVersion } from "../../../../actions/next-version/next-version.ts";
import { exec } from "../../../../lib/exec.ts";
import { silentLog } from "../../../../lib/log.ts";
import { createRepository, gitEnvironment, type TestRepository } from "../../../support/git-repository.ts";
import { startGitServer } from "../../../support/git-server.ts";

const defaults = {
  file: ["auto"],
  bump: "none",
  prereleaseId: undefined,
  tagPrefix: "v",
  apply: [],
  verify: false,
  workingDirectory: ".",
  githubToken: undefined,
  dryRun: false,
} as const;

function run(directory: string, inputs: object = {}, env: NodeJS.ProcessEnv = {}, lines: string[] = []) {
  const log = { ...silentLog, info: (line: string) => lines.push(line), warning: (line: string) => lines.push(line) };
  const { signal } = new AbortController();
  const deps = { exec, log, signal, mask: () => {}, env: { ...gitEnvironment, ...env, GITHUB_WORKSPACE: directory } };
  return nextVersion({ ...defaults, ...inputs }, deps);
}

/** A remote with three commits, tags on the first two, and a depth-1 clone of it over HTTP. */
async function shallowClone(repository: TestRepository, url: string): Promise<string> {
  await repository.commit("chore: first");
  await repository.git("tag", "v1.1.0");
  await repository.commit("fix: second");
  await repository.git("tag", "--annotate", "v1.2.0", "-m", "1.2.0");
  await repository.commit("feat: third");
  await repository.commit("fix: fourth");
  await repository.gitIn(repository.parent, "clone", "--quiet", "--bare", repository.path, "remote.git");
  await repository.gitIn(repository.parent, "clone", "--quiet", "--depth=1", "--no-tags", `${url}/remote.git`, "clone");
  const clone = join(repository.parent, "clone");
  await repository.gitIn(clone, "checkout", "--quiet", "--detach");
  return clone;
}

describe("next-version", () => {
  it("names everything that follows from a version file", async () => {
    await using repository = await createRepository();
    await repository.write("package.json", '{"version": "1.2.3"}');
    const sha = await repository.commit("first");
    await repository.git("switch", "--quiet", "--create", "feature/212-kops_1");
    expect(await run(repository.path)).toEqual({
      version: "1.2.3",
      previousVersion: "1.2.3",
      tag: "v1.2.3",
      imageTag: "1.2.3-feature-212-kops-1-aaaahivscpu",
      branchTag: "feature-212-kops-1",
      namespace: "gpu-ci-feature-212-kops-1",
      sha,
      isPrerelease: false,
      commitTime: "2026-11-20T15:38:39Z",
    });
  });

  it("gives the release's own image tag only to a run of its tag, and marks changed sources", async () => {
    await using repository = await createRepository();
    await repository.write("VERSION", "1.2.3");
    await repository.commit("first");
    const env = { GITHUB_REF: "refs/tags/v1.2.3" };
    expect((await run(repository.path, {}, env)).imageTag).toBe("1.2.3");
    expect((await run(repository.path, {}, { SOURCE_DATE_EPOCH: "1554337180" })).imageTag).toBe(
      "1.2.3-main-aaaagjecpnf",
    );
    await repository.write("new", "");
    expect((await run(repository.path, {}, env)).imageTag).toBe("1.2.3-dirty");
  });

  it("knows the tags of the remote in a detached depth-1 clone, and the commits since the last of them", async () => {
    await using repository = await createRepository();
    await using server = await startGitServer(repository.parent);
    const clone = await shallowClone(repository, server.url);
    const [none, candidate, automatic] = [
      await run(clone, { file: ["tags"] }, { GITHUB_HEAD_REF: "x" }),
      await run(clone, { file: ["tags"], bump: "prerelease", prereleaseId: "rc" }).catch((error: unknown) => error),
      await run(clone, { bump: "auto" }),
    ];
    expect([none.version, none.branchTag]).toEqual(["1.2.0", "x"]);
    expect(candidate).toMatchObject({ code: "version-released" });
    expect(automatic.version).toBe("1.3.0");
    expect(await repository.gitIn(clone, "log", "--format=%s")).toBe("fix: fourth\nfeat: third");
  });

  it("logs in with the token where the checkout of a private repository kept no credentials", async () => {
    await using repository = await createRepository();
    await using server = await startGitServer(repository.parent, "secret");
    await repository.commit("first");
    await repository.git("tag", "v1.0.0");
    await repository.gitIn(repository.parent, "clone", "--quiet", "--bare", repository.path, "remote.git");
    await repository.git("tag", "--delete", "v1.0.0");
    await repository.git("remote", "add", "origin", `${server.url}/remote.git`);
    const env = { GITHUB_SERVER_URL: server.url };
    const [logged, other, without] = [
      await run(repository.path, { githubToken: "secret" }, env),
      await run(repository.path, { githubToken: "secret" }, { GITHUB_SERVER_URL: "https://github.com" }),
      await run(repository.path, {}, env),
    ];
    expect([logged.version, other.version, without.version]).toEqual(["1.0.0", "0.0.0", "0.0.0"]);
  });

  it("goes on with the tags at hand, and says so, when the remote is away", async () => {
    await using repository = await createRepository();
    await repository.commit("first");
    await repository.git("tag", "v1.0.0");
    await repository.git("remote", "add", "origin", "http://127.0.0.1:9/r.git");
    const lines: string[] = [];
    expect((await run(repository.path, {}, {}, lines)).version).toBe("1.0.0");
    expect(lines[0]).toBe(`Remote origin could not be asked for its tags; only the tags in ${repository.path} count.`);
  });

  it("starts at 0.0.0, and says so, where nothing holds a version", async () => {
    await using repository = await createRepository();
    await repository.write("README.md", "# no marker\n");
    await repository.commit("first");
    const lines: string[] = [];
    expect((await run(repository.path, {}, {}, lines)).version).toBe("0.0.0");
    expect(lines[0]).toBe(
      `No file in ${repository.path} holds a version; no tag is a version; it is 0.0.0 until there is one.`,
    );
  });

  it("writes into all targets, checks them with verify, and changes nothing in a dry run", async () => {
    await using repository = await createRepository();
    await repository.write("README.md", "<repo-version>1.2.3</repo-version>\r\n");
    await repository.write("charts/a/Chart.yaml", "version: 1.2.3\n");
    await repository.commit("first");
    const inputs = { bump: "minor", apply: ["README.md", "charts/*/Chart.yaml"] };
    await run(repository.path, { ...inputs, dryRun: true });
    expect(await repository.git("status", "--porcelain")).toBe("");
    await expect(run(repository.path, { ...inputs, verify: true })).rejects.toMatchObject({
      code: "version-drift",
      message: "The version is 1.3.0, but README.md says 1.2.3, charts/a/Chart.yaml says 1.2.3.",
    });
    await run(repository.path, inputs);
    expect(await readFile(join(repository.path, "README.md"), "utf8")).toBe("<repo-version>1.3.0</repo-version>\r\n");
    expect(await readFile(join(repository.path, "charts/a/Chart.yaml"), "utf8")).toBe("version: 1.3.0\n");
    await expect(run(repository.path, { apply: ["absent.md"] })).rejects.toMatchObject({ input: "apply" });
    const env = { GITHUB_REF: "refs/tags/v1.2.3" };
    await expect(run(repository.path, { verify: true }, env)).rejects.toMatchObject({ code: "version-drift" });
  });
});
