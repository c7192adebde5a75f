import { describe, expect, it } from "vitest";
import { giteaRunners } from "../../../../lib/runner/gitea-runners.ts";
import { type ApiCall, type ApiReply, startKubernetesApi } from "../../../support/kubernetes-api.ts";

const { signal } = new AbortController();
const runner = { id: 7, name: "team-runner-x", online: true, busy: false };
const rpc = "/api/actions/runner.v1.RunnerService";
const admin = "/api/v1/admin/actions";

/** Answers by method and path; everything else is a 404 as Gitea gives it. */
type Answers = Readonly<Record<string, (call: ApiCall, reply: ApiReply) => void>>;

async function openGitea(answers: Answers) {
  const server = await startKubernetesApi((call, reply) => {
    const answer = answers[`${call.method} ${call.path}`];
    if (answer) answer(call, reply);
    else reply.json({ message: "not found" }, 404);
  });
  const { url } = server;
  const place = { url, scope: "instance", labels: ["gpu"], runnerUrl: "http://inside", token: async () => "admin" };
  const asked = () => server.calls.map(({ method, path }) => `${method} ${path}`);
  return { server, asked, forge: giteaRunners(place), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const json = (body: unknown) => (_call: ApiCall, reply: ApiReply) => reply.json(body);
const jobs = (...ids: number[]) =>
  json({
    total_count: ids.length,
    jobs: ids.map((id) => ({ runner_id: id, url: "http://f/api/v1/repos/acme/project/actions/jobs/5" })),
  });

describe("giteaRunners", () => {
  it("registers an ephemeral runner and hands over that one runner's file, never a token that could register more", async () => {
    await using gitea = await openGitea({
      [`POST ${admin}/runners/registration-token`]: json({ token: "registration" }),
      [`POST ${rpc}/Register`]: json({ runner: { id: "7", uuid: "u", token: "own", ephemeral: true } }),
    });
    const registration = await gitea.forge.register("team-runner-x", signal);
    expect({ ...registration, content: JSON.parse(registration.content) }).toEqual({
      id: 7,
      name: "team-runner-x",
      file: "registration",
      content: {
        id: 7,
        uuid: "u",
        name: "team-runner-x",
        token: "own",
        address: "http://inside",
        labels: ["gpu:host"],
        ephemeral: true,
      },
    });
    expect(JSON.parse(gitea.server.calls[1]?.body ?? "")).toEqual({
      name: "team-runner-x",
      token: "registration",
      labels: ["gpu"],
      version: "gpu-ci",
      ephemeral: true,
    });
  });

  it("refuses a server that does not know ephemeral runners, and takes the runner away again", async () => {
    await using gitea = await openGitea({
      [`POST ${admin}/runners/registration-token`]: json({ token: "registration" }),
      [`POST ${rpc}/Register`]: json({ runner: { id: "7", uuid: "u", token: "own" } }),
      [`DELETE ${admin}/runners/7`]: json({}),
    });
    await expect(gitea.forge.register("x", signal)).rejects.toMatchObject({ code: "forge-too-old" });
    expect(gitea.asked().at(-1)).toBe(`DELETE ${admin}/runners/7`);
  });

  it("knows who has a job from the list of jobs: the runners' own state lags behind", async () => {
    const listed = [
      { id: 7, name: "a", status: "online", busy: false },
      { id: 8, name: "b", status: "offline", busy: true },
    ];
    await using gitea = await openGitea({
      [`GET ${admin}/runners`]: json({ total_count: 2, runners: listed }),
      [`GET ${admin}/jobs`]: jobs(7),
    });
    expect(await gitea.forge.list(signal)).toEqual([
      { id: 7, name: "a", online: true, busy: true },
      { id: 8, name: "b", online: false, busy: false },
    ]);
  });

  it("disables a runner before it looks whether it has a job, and takes it only then", async () => {
    await using gitea = await openGitea({
      [`PATCH ${admin}/runners/7`]: json({}),
      [`GET ${admin}/jobs`]: jobs(8),
      [`DELETE ${admin}/runners/7`]: json({}),
    });
    expect(await gitea.forge.retire(runner, signal)).toBe(true);
    expect(gitea.asked()).toEqual([`PATCH ${admin}/runners/7`, `GET ${admin}/jobs`, `DELETE ${admin}/runners/7`]);
  });

  it("leaves a runner that got a job at that moment", async () => {
    await using gitea = await openGitea({ [`PATCH ${admin}/runners/7`]: json({}), [`GET ${admin}/jobs`]: jobs(7) });
    expect(await gitea.forge.retire(runner, signal)).toBe(false);
  });

  it("ends the job of a killed runner in the runner's name, and tries no other runner's", async () => {
    const updates: unknown[] = [];
    const task = (call: ApiCall) => String(JSON.parse(call.body).taskId ?? JSON.parse(call.body).state.id);
    const own = (call: ApiCall, reply: ApiReply) => {
      updates.push([call.path.replace(`${rpc}/`, ""), task(call), call.headers["x-runner-uuid"]]);
      if (task(call) === "41") reply.json({ code: "internal", message: "invalid runner for task" }, 500);
      else reply.json({ ackIndex: "3" });
    };
    const running = [41, 42].map((id) => ({ id, status: "running" }));
    await using gitea = await openGitea({
      [`GET ${admin}/jobs`]: jobs(7),
      "GET /api/v1/repos/acme/project/actions/tasks": json({
        workflow_runs: [{ id: 40, status: "success" }, ...running],
      }),
      [`POST ${rpc}/UpdateLog`]: own,
      [`POST ${rpc}/UpdateTask`]: own,
      [`DELETE ${admin}/runners/7`]: json({}),
    });
    const registration = JSON.stringify({ uuid: "u", token: "own" });
    expect(await gitea.forge.remove({ ...runner, busy: true }, registration, signal)).toBe(true);
    expect(updates).toEqual([
      ["UpdateLog", "41", "u"],
      ["UpdateLog", "42", "u"],
      ["UpdateLog", "42", "u"],
      ["UpdateTask", "42", "u"],
    ]);
  });
});
