import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { runBundle } from "../support/bundle.ts";
import { callForge, type Forge, startForge } from "../support/forge.ts";
import { createRepository, type TestRepository } from "../support/git-repository.ts";

interface GiteaRelease {
  readonly tag_name: string;
  readonly target_commitish: string;
  readonly draft: boolean;
  readonly prerelease: boolean;
  readonly body: string;
  readonly assets: readonly { readonly name: string; readonly browser_download_url: string }[];
}

let forge: Forge;
beforeAll(async () => {
  forge = await startForge();
});

/** A checkout whose commits are on a repository of the forge's own for this test, which goes with it. */
async function createProject() {
  const checkout = await createRepository();
  const name = `release-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;
  const path = `/repos/${forge.user}/${name}`;
  await callForge(forge, "POST", "/user/repos", { name });
  const remote = `${forge.url.replace("://", `://${forge.user}:${forge.token}@`)}/${forge.user}/${name}.git`;
  await checkout.git("remote", "add", "origin", remote);
  return {
    checkout,
    commit: async (message: string) => {
      const commit = await checkout.commit(message);
      await checkout.git("push", "--quiet", "--tags", "origin", "main");
      // The forge takes note of a push a little later, and refuses a release before that.
      const isEmpty = async () => (await callForge<{ empty: boolean }>(forge, "GET", path)).empty;
      await expect.poll(isEmpty, { timeout: 20_000 }).toBe(false);
      return commit;
    },
    find: (tag: string) => callForge<GiteaRelease>(forge, "GET", `${path}/releases/tags/${tag}`),
    release: (inputs: Readonly<Record<string, string>>) =>
      runBundle("github-release", {
        cwd: checkout.path,
        inputs: { files: "build/*", "github-token": forge.token, ...inputs },
        env: { GITHUB_API_URL: `${forge.url}/api/v1`, GITHUB_REPOSITORY: `${forge.user}/${name}` },
      }),
    [Symbol.asyncDispose]: async () => {
      await callForge(forge, "DELETE", path);
      await checkout[Symbol.asyncDispose]();
    },
  };
}

async function addBuild(checkout: TestRepository, content: string): Promise<void> {
  await checkout.write(".gitignore", "build/\n");
  await checkout.write("build/app", content);
}

describe("github-release on Gitea", () => {
  it("publishes on the commit, does nothing twice, and replaces an asset and its checksum only when told to", async () => {
    await using project = await createProject();
    await addBuild(project.checkout, "one");
    await project.checkout.git("commit", "--quiet", "--allow-empty", "-m", "feat: first");
    await project.checkout.git("tag", "v0.9.0");
    const commit = await project.commit("fix: second");
    const inputs = { "tag-name": "v1.0.0", "generate-notes": "true", "previous-tag": "v0.9.0" };
    const first = await project.release(inputs);
    expect([first.exitCode, first.outputs.created, first.outputs.published], first.stdout).toEqual([0, "true", "true"]);
    const release = await project.find("v1.0.0");
    expect(release).toMatchObject({ target_commitish: commit, draft: false, prerelease: false });
    expect(release.body).toBe(`## Changes since v0.9.0\n* fix: second (${commit.slice(0, 7)})`);
    expect(release.assets.map(({ name }) => name).sort()).toEqual(["SHA256SUMS", "app"]);

    const again = await project.release(inputs);
    expect([again.exitCode, again.outputs.created]).toEqual([0, "false"]);
    await addBuild(project.checkout, "two");
    const refused = await project.release(inputs);
    expect([refused.exitCode, refused.stdout]).toEqual([
      3,
      expect.stringContaining("Release v1.0.0 has another app: 3 bytes"),
    ]);
    expect((await project.release({ ...inputs, overwrite: "true" })).exitCode).toBe(0);
    const sums = (await project.find("v1.0.0")).assets.find(({ name }) => name === "SHA256SUMS");
    const text = await (await fetch(sums?.browser_download_url ?? "")).text();
    expect(text).toBe(`${createHash("sha256").update("two").digest("hex")}  app\n`);
  });

  it("finishes a draft as a pre-release, and never moves a tag", async () => {
    await using project = await createProject();
    await addBuild(project.checkout, "one");
    await project.commit("first");
    const inputs = { "tag-name": "v1.0.0-rc.1" };
    expect((await project.release({ ...inputs, draft: "true" })).outputs.published).toBe("false");
    const finished = await project.release(inputs);
    expect([finished.outputs.created, finished.outputs.published]).toEqual(["false", "true"]);
    expect(await project.find("v1.0.0-rc.1")).toMatchObject({ draft: false, prerelease: true });
    await project.commit("second");
    const moved = await project.release(inputs);
    expect([moved.exitCode, moved.stdout]).toEqual([3, expect.stringContaining("A released tag is never moved.")]);
  });

  it("names the permission that a token lacks", async () => {
    await using project = await createProject();
    await addBuild(project.checkout, "one");
    await project.commit("first");
    const { exitCode, stdout } = await project.release({ "tag-name": "v1.0.0", "github-token": "0".repeat(40) });
    expect([exitCode, stdout]).toEqual([3, expect.stringContaining("Check github-token")]);
  });
});
