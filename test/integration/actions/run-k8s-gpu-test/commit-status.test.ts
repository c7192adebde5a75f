import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { endCommitStatus, withCommitStatus } from "../../../../actions/run-k8s-gpu-test/commit-status.ts";
import { createTestHost, type TestHost } from "../../../support/test-host.ts";

/** A forge that keeps the statuses it was sent and answers with these codes in turn, the last one again and again. */
async function startForge(...codes: number[]) {
  const calls: { path: string; authorization: string | undefined; body: Record<string, string> }[] = [];
  const answer: http.RequestListener = (request, response) => {
    const { authorization } = request.headers;
    void text(request).then((body) => {
      calls.push({ path: request.url ?? "", authorization, body: JSON.parse(body) });
      const code = codes[Math.min(calls.length, codes.length) - 1] ?? 201;
      response.writeHead(code).end(JSON.stringify({ message: "Resource not accessible by integration" }));
    });
  };
  const server = http.createServer(answer);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    calls,
    states: () => calls.map(({ body }) => body.state),
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

const inputs = { commitStatus: "gpu-ci/test", githubToken: "a-token" };

function hostAt(url: string, env: NodeJS.ProcessEnv = {}): TestHost {
  const host = createTestHost({ env: { GITHUB_API_URL: url, ...env } });
  const run = { ...host.run, repository: "acme/app", commit: "c".repeat(40), url: "https://forge/run/1" };
  return { ...host, run };
}

const ended = (conclusion: "success" | "failure" | "timed-out" | "infrastructure" | "cancelled") => async () => ({
  conclusion,
  detail: "How it ended.",
});

describe("the commit status", () => {
  it("is pending while the test runs and then tells its end", async () => {
    await using forge = await startForge(201);
    await using host = hostAt(forge.url);
    await withCommitStatus(inputs, host, ended("success"));
    const path = `/repos/acme/app/statuses/${"c".repeat(40)}`;
    const body = { context: "gpu-ci/test", target_url: "https://forge/run/1" };
    expect(forge.calls).toEqual([
      {
        path,
        authorization: "token a-token",
        body: { ...body, state: "pending", description: "The test is on its way to a GPU." },
      },
      { path, authorization: "token a-token", body: { ...body, state: "success", description: "How it ended." } },
    ]);
    expect(host.lines).toEqual([]);
  });

  it.each([
    ["failure", "failure"],
    ["timed-out", "failure"],
    ["infrastructure", "error"],
    ["cancelled", "error"],
  ] as const)("of a test that ended with %s is %s", async (conclusion, state) => {
    await using forge = await startForge(201);
    await using host = hostAt(forge.url);
    await withCommitStatus(inputs, host, ended(conclusion));
    expect(forge.states()).toEqual(["pending", state]);
  });

  it("has an end when the test throws, and when the step was killed", async () => {
    await using forge = await startForge(201);
    await using host = hostAt(forge.url);
    const failing = withCommitStatus(inputs, host, () => Promise.reject(new Error("no cluster")));
    await expect(failing).rejects.toThrow("no cluster");
    await endCommitStatus(() => inputs, host);
    expect(forge.states()).toEqual(["pending", "error"]);
    host.state.save("commit-status", "pending");
    await endCommitStatus(() => inputs, host);
    expect(forge.states()).toEqual(["pending", "error", "error"]);
  });

  it("that the token may not set is one line each time, and no failure", async () => {
    await using forge = await startForge(403);
    await using host = hostAt(forge.url);
    expect(await withCommitStatus(inputs, host, ended("success"))).toMatchObject({ conclusion: "success" });
    const line = (state: string) =>
      `warning: The commit status gpu-ci/test could not be set to ${state} (403 Resource not accessible by integration). Give the job the right statuses: write, or leave commit-status empty.`;
    expect([host.lines, forge.calls.length]).toEqual([[line("pending"), line("success")], 2]);
  });

  it("is tried again when the forge is broken for a moment", async () => {
    await using forge = await startForge(502, 201);
    await using host = hostAt(forge.url);
    await withCommitStatus(inputs, host, ended("success"));
    expect([forge.states(), host.lines]).toEqual([["pending", "pending", "success"], []]);
  });

  it("of a pull request is that of its head, and there is none where none is asked for", async () => {
    await using forge = await startForge(201);
    await using host = hostAt(forge.url);
    const event = join(host.tempDirectory, "event.json");
    await writeFile(event, JSON.stringify({ pull_request: { head: { sha: "d".repeat(40) } } }));
    const deps = { ...host, env: { ...host.env, GITHUB_EVENT_PATH: event } };
    await withCommitStatus({ commitStatus: undefined, githubToken: "a-token" }, deps, ended("success"));
    expect(forge.calls).toEqual([]);
    await withCommitStatus(inputs, deps, ended("success"));
    expect(forge.calls.map(({ path }) => path.slice(-3))).toEqual(["ddd", "ddd"]);
  });
});
