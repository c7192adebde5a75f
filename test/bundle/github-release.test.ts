import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createReport, formatReport } from "../../lib/report/report.ts";
import { startGithubApi } from "../support/github-api.ts";
import { loadGithubOpenApi } from "../support/github-openapi.ts";
import { createReleaseProject } from "../support/release-project.ts";

const openApi = loadGithubOpenApi();
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

function report(exitCode: number) {
  const gpus = [{ product: "NVIDIA L4", uuid: "GPU-1", driver: "580.1", memory: "24 GiB" }];
  const times = { queueMs: 1, pullMs: 1, runMs: 1 };
  const reason = exitCode === 0 ? "passed" : "test-failed";
  return createReport({
    termination: { exitCode, reason, detail: `exit code ${exitCode}`, node: "n", gpus, ...times },
    suites: [],
    resultsWanted: false,
    gpusRequired: 0,
    engine: "kubernetes",
    image: "registry.local/a@sha256:0",
    jobName: "job",
    podName: "pod",
    startedAt: new Date("2026-11-20T12:00:00Z"),
    logComplete: true,
  });
}

describe("github-release", () => {
  it("makes a draft, uploads, verifies and publishes on the commit, and is a no-op when it is run again", async () => {
    await using api = await startGithubApi(openApi);
    await using project = await createReleaseProject(api);
    const first = await project.release({ body: "Notes.", images: `registry.local/a@sha256:${"0".repeat(64)}` });
    const [release] = api.state.releases;
    expect(first.stdout).not.toContain("::error::");
    expect([first.exitCode, first.outputs.created, first.outputs.published, first.outputs.id]).toEqual([
      0,
      "true",
      "true",
      "1",
    ]);
    expect(release).toMatchObject({
      tag_name: "v1.2.3",
      target_commitish: project.commit,
      draft: false,
      prerelease: false,
      make_latest: "legacy",
      body: `Notes.\n\n## Images\n\n- \`registry.local/a@sha256:${"0".repeat(64)}\``,
    });
    expect(release?.assets.map((asset) => asset.name).sort()).toEqual(["SHA256SUMS", "app-darwin", "app-linux"]);
    const listed = release?.assets.find((asset) => asset.name === "SHA256SUMS")?.bytes.toString();
    expect(listed).toBe(`${sha256("two, longer")}  app-darwin\n${sha256("one")}  app-linux\n`);
    expect(api.state.calls.filter((call) => !call.includes("/assets"))).toEqual([
      "GET /releases",
      "GET /git/ref/tags/v1.2.3",
      "POST /releases",
      "GET /releases",
      "PATCH /releases/1",
    ]);

    api.state.calls.length = 0;
    const again = await project.release();
    expect([again.exitCode, again.outputs.created, again.outputs.published]).toEqual([0, "false", "true"]);
    expect(again.outputs.assets?.split("\n").length).toBe(3);
    expect(api.state.calls).toEqual(["GET /releases", "GET /git/ref/tags/v1.2.3"]);
  });

  it("uploads only what lacks and refuses another asset of the same name before it changes anything", async () => {
    await using api = await startGithubApi(openApi);
    await using project = await createReleaseProject(api);
    await project.release({ files: "build/app-linux" });
    api.state.calls.length = 0;
    await project.release({ files: "build/*" });
    expect(api.state.calls.filter((call) => call.startsWith("POST"))).toEqual([
      "POST /releases/1/assets",
      "POST /releases/1/assets",
    ]);
    expect(api.state.releases[0]?.assets.map((asset) => asset.name).sort()).toEqual([
      "SHA256SUMS",
      "app-darwin",
      "app-linux",
    ]);

    await project.checkout.write("build/app-linux", "other");
    api.state.calls.length = 0;
    const refused = await project.release();
    expect(refused.exitCode).toBe(3);
    expect(refused.stdout).toContain("Release v1.2.3 has another app-linux: 3 bytes");
    expect(api.state.calls.some((call) => !call.startsWith("GET"))).toBe(false);
    expect((await project.release({ overwrite: "true" })).exitCode).toBe(0);
    const asset = api.state.releases[0]?.assets.find(({ name }) => name === "app-linux");
    expect(asset?.bytes.toString()).toBe("other");
  });

  it("says before any upload that an immutable release cannot change", async () => {
    await using api = await startGithubApi(openApi);
    api.state.immutable = true;
    await using project = await createReleaseProject(api);
    await project.release({ files: "build/app-linux" });
    api.state.calls.length = 0;
    const refused = await project.release();
    expect(refused.exitCode).toBe(3);
    expect(refused.stdout).toContain("Release v1.2.3 is published and immutable; it lacks app-darwin, SHA256SUMS.");
    expect(api.state.calls.some((call) => call.startsWith("POST"))).toBe(false);
    expect((await project.release({ files: "build/app-linux" })).exitCode).toBe(0);
  });

  it("finishes the draft that an interrupted run left", async () => {
    await using api = await startGithubApi(openApi);
    await using project = await createReleaseProject(api);
    await project.release({ draft: "true" });
    expect(api.state.releases.map(({ draft }) => draft)).toEqual([true]);
    const finished = await project.release({ "generate-notes": "true", "previous-tag": "v1.2.2" });
    expect([finished.outputs.created, finished.outputs.published]).toEqual(["false", "true"]);
    expect(api.state.releases).toMatchObject([{ draft: false, body: "## What's Changed since v1.2.2\n* everything" }]);
  });

  it("never moves a tag", async () => {
    await using api = await startGithubApi(openApi);
    await using project = await createReleaseProject(api);
    api.state.tags.set("v1.2.3", "f".repeat(40));
    const refused = await project.release();
    expect([refused.exitCode, api.state.releases]).toEqual([3, []]);
    expect(refused.stdout).toContain(`Tag v1.2.3 is at ${"f".repeat(40)}, but this release is for ${project.commit}.`);
  });

  it("takes the tag of the event, marks a pre-release, and starts workflows only when it publishes", async () => {
    await using api = await startGithubApi(openApi);
    api.state.workflows.add("deploy.yml");
    await using project = await createReleaseProject(api);
    const options = { env: { GITHUB_REF: "refs/tags/v2.0.0-rc.1", GITHUB_SHA: project.commit } };
    const inputs = { "tag-name": "", dispatch: "deploy.yml env=test\ndeploy.yml@main" };
    await project.release(inputs, options);
    await project.release(inputs, options);
    expect(api.state.releases).toMatchObject([{ tag_name: "v2.0.0-rc.1", prerelease: true, make_latest: undefined }]);
    expect(api.state.dispatched).toEqual([
      { workflow: "deploy.yml", ref: "v2.0.0-rc.1", inputs: { env: "test" } },
      { workflow: "deploy.yml", ref: "main", inputs: {} },
    ]);
  });

  it("releases only what a report calls a success, and says in the notes what was tested", async () => {
    await using api = await startGithubApi(openApi);
    await using project = await createReleaseProject(api);
    const inputs = { "require-report": "report.json" };
    await project.checkout.write("report.json", formatReport(report(1)));
    const refused = await project.release(inputs);
    expect([refused.exitCode, refused.stdout]).toEqual([
      3,
      expect.stringContaining("report.json says failure: exit code 1"),
    ]);
    expect(api.state.calls).toEqual([]);
    await project.checkout.write("report.json", formatReport(report(0)));
    expect((await project.release(inputs)).exitCode).toBe(0);
    expect(api.state.releases[0]?.body).toBe(
      "## Tested\n\n`registry.local/a@sha256:0` on NVIDIA L4 (driver 580.1), 2026-11-20T12:00:00.000Z: 0 passed, 0 failed, 0 skipped.",
    );
  });

  it("writes a dry run into a folder without a single call", async () => {
    await using api = await startGithubApi(openApi);
    await using project = await createReleaseProject(api);
    for (const _run of [1, 2]) {
      const { exitCode, outputs } = await project.release({ "dry-run": "true", body: "Notes.", "github-token": "" });
      expect([exitCode, outputs.published, outputs.url]).toEqual([0, "false", ""]);
    }
    const folder = join(project.checkout.path, "gpu-ci-release");
    expect((await readdir(folder)).sort()).toEqual([
      "SHA256SUMS",
      "app-darwin",
      "app-linux",
      "notes.md",
      "release.json",
    ]);
    expect(await readFile(join(folder, "notes.md"), "utf8")).toBe("Notes.\n");
    expect(await project.checkout.gitIn(folder, "hash-object", "app-linux")).toHaveLength(40);
    expect(api.state.calls).toEqual([]);
  });

  it.each([
    [{ files: "absent/*" }, "Input files is", "matches none"],
    [{ files: "build/*", "tag-name": "" }, "Input tag-name is empty", "a tag"],
    [{ "tag-name": "v 1" }, 'Input tag-name is "v 1"', "git takes for a tag"],
    [{ images: "a:latest" }, 'Input images is "a:latest"', "repository@sha256:digest"],
    [{ dispatch: "deploy" }, 'Input dispatch is "deploy"', "workflow.yml[@ref]"],
    [{ "require-report": "report.json" }, 'Input require-report is "report.json"', "an existing file"],
    [{ "body-path": "notes.md" }, 'Input body-path is "notes.md"', "an existing file"],
    [{ "target-commitish": "no-such-branch" }, 'Input target-commitish is "no-such-branch"', "a full commit id"],
  ])("refuses %j before any call", async (inputs, said, allowed) => {
    await using api = await startGithubApi(openApi);
    await using project = await createReleaseProject(api);
    const { exitCode, stdout } = await project.release(inputs);
    expect([exitCode, api.state.calls]).toEqual([2, []]);
    expect(stdout).toContain(said);
    expect(stdout).toContain(allowed);
  });
});
