import { describe, expect, it } from "vitest";
import { githubRunners } from "../../../../lib/runner/github-runners.ts";
import { type ApiHandler, startKubernetesApi } from "../../../support/kubernetes-api.ts";

const { signal } = new AbortController();

async function openGithub(handler: ApiHandler, scope = "org:acme") {
  const server = await startKubernetesApi(handler);
  const place = { url: server.url, scope, labels: ["gpu"], runnerUrl: server.url, token: async () => "secret" };
  const asked = () => server.calls.map(({ method, path, query }) => `${method} ${path} ${query.toString()}`.trim());
  return { server, asked, forge: githubRunners(place), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const runner = { id: 7, name: "team-runner-x", online: true, busy: false };

describe("githubRunners", () => {
  it("registers a runner just in time, for one job", async () => {
    await using github = await openGithub((_call, reply) =>
      reply.json({ encoded_jit_config: "jit", runner: { id: 7 } }, 201),
    );
    expect(await github.forge.register("team-runner-x", signal)).toEqual({
      id: 7,
      name: "team-runner-x",
      file: "jitconfig",
      content: "jit",
    });
    const [call] = github.server.calls;
    expect([github.asked(), JSON.parse(call?.body ?? ""), call?.headers.authorization]).toEqual([
      ["POST /api/v3/orgs/acme/actions/runners/generate-jitconfig"],
      { name: "team-runner-x", runner_group_id: 1, labels: ["gpu"], work_folder: "/work" },
      "Bearer secret",
    ]);
  });

  it("lists all pages of a repository's runners", async () => {
    const all = Array.from({ length: 101 }, (_, id) => ({ id, name: `r${id}`, status: "online", busy: id === 100 }));
    await using github = await openGithub(({ query }, reply) => {
      const page = Number(query.get("page"));
      reply.json({ total_count: 101, runners: all.slice((page - 1) * 100, page * 100) });
    }, "repo:acme/project");
    const listed = await github.forge.list(signal);
    expect([listed.length, listed.at(-1)]).toEqual([101, { id: 100, name: "r100", online: true, busy: true }]);
    expect(github.asked()).toEqual([
      "GET /api/v3/repos/acme/project/actions/runners per_page=100&page=1",
      "GET /api/v3/repos/acme/project/actions/runners per_page=100&page=2",
    ]);
  });

  it("leaves a runner alone that has just taken a job", async () => {
    await using github = await openGithub((_call, reply) =>
      reply.json({ message: "Runner is currently running a job and cannot be deleted." }, 422),
    );
    expect(await github.forge.retire(runner, signal)).toBe(false);
    expect(await github.forge.remove(runner, undefined, signal)).toBe(false);
  });

  it.each([204, 404])("takes a runner away that GitHub answers with %i", async (status) => {
    await using github = await openGithub((_call, reply) => (status === 204 ? reply.end() : reply.json({}, status)));
    expect(await github.forge.retire(runner, signal)).toBe(true);
    expect(github.asked()).toEqual(["DELETE /api/v3/orgs/acme/actions/runners/7"]);
  });

  it("says what the forge refused, and never the token", async () => {
    await using github = await openGithub((_call, reply) => reply.json({ message: "Resource not accessible" }, 403));
    await expect(github.forge.list(signal)).rejects.toMatchObject({
      code: "forge-refused",
      message: `GET ${github.server.url}/api/v3/orgs/acme/actions/runners?per_page=100&page=1 was answered with 403: Resource not accessible.`,
      hint: "The token may not administer runners of this scope: give it that right, or use another one.",
      retryable: false,
    });
  });

  it("tells a forge that is away from one that refuses", async () => {
    await using github = await openGithub((_call, reply) => reply.cut());
    await expect(github.forge.list(signal)).rejects.toMatchObject({ code: "forge-unreachable", retryable: true });
  });
});
