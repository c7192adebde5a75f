import { describe, expect, it } from "vitest";
import { startGithubApi } from "../support/github-api.ts";
import { htmlPage } from "../support/github-faults.ts";
import type { StoredRelease } from "../support/github-objects.ts";
import { loadGithubOpenApi } from "../support/github-openapi.ts";
import { createReleaseProject } from "../support/release-project.ts";

const openApi = loadGithubOpenApi();
const message = (text: string) => ({ message: text, documentation_url: "https://docs.github.com/rest" });

async function setUp() {
  const api = await startGithubApi(openApi);
  const project = await createReleaseProject(api);
  return {
    api,
    project,
    complete: () => api.state.releases.map(({ draft, assets }) => [draft, ...assets.map(({ name }) => name).sort()]),
    [Symbol.asyncDispose]: async () => {
      await project[Symbol.asyncDispose]();
      await api[Symbol.asyncDispose]();
    },
  };
}

function draftOf(tag: string): StoredRelease {
  const fields = { target_commitish: "main", name: tag, body: "", draft: true, prerelease: false, immutable: false };
  return { id: 1, tag_name: tag, ...fields, make_latest: undefined, assets: [] };
}

const whole = [[false, "SHA256SUMS", "app-darwin", "app-linux"]];

describe.concurrent("github-release survives", () => {
  it.each([
    ["GET /releases$"],
    ["GET /git/ref/"],
    ["POST /releases$"],
    ["POST /releases/1/assets"],
    ["PATCH /releases/1"],
  ])("a proxy's 502 page and then a cut connection on %s", async (call) => {
    await using test = await setUp();
    test.api.faults.add({ match: new RegExp(call), ...htmlPage });
    test.api.faults.add({ match: new RegExp(call), hangUp: true });
    const { exitCode, stdout } = await test.project.release();
    expect([exitCode, test.complete()]).toEqual([0, whole]);
    expect(stdout).not.toContain("Unicorn");
  });

  it("an answer lost after the work was done: no second draft, no second asset", async () => {
    await using test = await setUp();
    for (const call of [/POST \/releases$/, /POST .*assets/, /PATCH/]) {
      test.api.faults.add({ match: call, hangUp: true, after: () => {} });
    }
    expect((await test.project.release()).exitCode).toBe(0);
    expect(test.complete()).toEqual(whole);
  });

  it("an upload that leaves a broken asset: only that one is deleted", async () => {
    await using test = await setUp();
    const { faults, state } = test.api;
    const broken = {
      id: 7,
      name: "app-linux",
      state: "starter",
      size: 0,
      digest: null,
      bytes: Buffer.alloc(0),
    } as const;
    const before = () => {
      const release = state.releases[0]!;
      if (!release.assets.some(({ name }) => name === "app-linux")) release.assets.push({ ...broken });
    };
    faults.add({ match: /POST .*assets/, status: 502, before, times: 3 });
    expect((await test.project.release()).exitCode).toBe(0);
    expect(test.complete()).toEqual(whole);
    expect(state.calls.filter((call) => call.startsWith("DELETE"))).toEqual(["DELETE /releases/assets/7"]);
  });

  it("an asset that is damaged after its upload: it is found before publishing and uploaded again", async () => {
    await using test = await setUp();
    const { faults, state } = test.api;
    const after = () => {
      const asset = state.releases[0]?.assets.find(({ name }) => name === "app-linux");
      if (asset) asset.digest = `sha256:${"0".repeat(64)}`;
    };
    faults.add({ match: /POST .*assets/, after });
    expect((await test.project.release({ files: "build/app-linux", checksums: "false" })).exitCode).toBe(0);
    expect(state.calls.filter((call) => !call.startsWith("GET"))).toEqual([
      "POST /releases",
      "POST /releases/1/assets",
      "DELETE /releases/assets/1001",
      "POST /releases/1/assets",
      "PATCH /releases/1",
    ]);
  });

  it("two jobs that make one release at the same time", async () => {
    await using test = await setUp();
    const [one, other] = await Promise.all([
      test.project.release({ files: "build/app-linux" }),
      test.project.release({ files: "build/app-darwin" }),
    ]);
    expect([one.exitCode, other.exitCode], one.stdout + other.stdout).toEqual([0, 0]);
    expect(test.complete()).toEqual(whole);
  });

  it("another job's draft made just before its own: its own goes, and it adds to the other", async () => {
    await using test = await setUp();
    const { faults, state } = test.api;
    const before = () => state.releases.push(draftOf("v1.2.3"));
    faults.add({ match: /POST \/releases$/, before });
    const { exitCode, outputs } = await test.project.release();
    expect([exitCode, outputs.id, outputs.created, test.complete()]).toEqual([0, "1", "false", whole]);
    expect(state.calls).toContain("DELETE /releases/2");
  });

  it("secondary rate limits on the API and on uploads, which it waits for in words", async () => {
    await using test = await setUp();
    const limited = {
      status: 403,
      body: message("You have exceeded a secondary rate limit."),
      headers: { "retry-after": "1" },
    };
    test.api.faults.add({ match: /GET \/releases$/, ...limited });
    test.api.faults.add({ match: /POST .*assets/, ...limited, status: 429 });
    const { exitCode, stdout } = await test.project.release();
    expect([exitCode, test.complete()]).toEqual([0, whole]);
    expect(stdout).toMatch(/secondary rate limit is used up; waiting until \d\d:\d\d:\d\d UTC/);
    expect(stdout).toMatch(/rate limit for uploads is used up; waiting until/);
  });
});

describe.concurrent("github-release gives up, and says why, on", () => {
  it("a rate limit that ends after its timeout", async () => {
    await using test = await setUp();
    const reset = String(Math.floor(Date.now() / 1000) + 3600);
    const headers = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": reset };
    test.api.faults.add({ match: /GET \/releases$/, status: 403, body: message("API rate limit exceeded."), headers });
    const { exitCode, stdout } = await test.project.release({ timeout: "10m" });
    expect(exitCode).toBe(3);
    expect(stdout).toContain(`longer than this run may: until ${new Date(Number(reset) * 1000).toISOString()}`);
  });

  it.each([
    ["POST /releases$", "The token needs `contents: write` for ada/vector-add"],
    ["GET /releases$", "The token needs `contents: read` for ada/vector-add"],
    ["POST /releases/1/assets", "The token needs `contents: write` for ada/vector-add"],
  ])("a token without the right permission for %s", async (call, hint) => {
    await using test = await setUp();
    const body = message("Resource not accessible by integration");
    test.api.faults.add({ match: new RegExp(call), status: 403, body, times: 9 });
    const { exitCode, stdout } = await test.project.release();
    expect(exitCode).toBe(3);
    expect(stdout).toContain(hint);
    expect(test.complete().every(([draft]) => draft)).toBe(true);
  });

  it("a wrong token, and on a page in place of every answer", async () => {
    await using test = await setUp();
    const wrong = await test.project.release({ "github-token": "nonsense" });
    expect([wrong.exitCode, wrong.stdout]).toEqual([3, expect.stringContaining("Check github-token")]);
    expect(wrong.stdout.replace("::add-mask::nonsense", "")).not.toContain("nonsense");
    test.api.faults.add({ match: /GET \/releases$/, ...htmlPage, status: 200, times: 9 });
    const page = await test.project.release();
    expect([page.exitCode, page.stdout]).toEqual([3, expect.stringContaining("answered with text that is no JSON")]);
  });

  it("a tag that an immutable release had", async () => {
    await using test = await setUp();
    test.api.state.burnt.add("v1.2.3");
    const burnt = await test.project.release();
    expect([burnt.exitCode, burnt.stdout]).toEqual([3, expect.stringContaining("Use a new version.")]);
  });

  it("a cancel in the middle of an upload: nothing is published", async () => {
    await using test = await setUp();
    const cancel = new AbortController();
    test.api.faults.add({ match: /POST .*assets/, times: 3, hangUp: true, before: () => cancel.abort() });
    const { exitCode } = await test.project.release({}, { signal: cancel.signal });
    expect([exitCode, test.api.state.releases.map(({ draft }) => draft)]).toEqual([130, [true]]);
  });
});
