import { describe, expect, it } from "vitest";
import { createAbandonedJobs } from "../../../../lib/runner/abandoned-jobs.ts";
import { type ApiHandler, startKubernetesApi } from "../../../support/kubernetes-api.ts";
import { runnerPodOf } from "../../../support/runner-objects.ts";
import { createTestHost } from "../../../support/test-host.ts";

const path = "/apis/batch/v1/namespaces/jobs/jobs";
const { signal } = new AbortController();

function jobOf(name: string, runner?: string) {
  return { metadata: { name, uid: `uid-${name}`, annotations: runner ? { "gpu-ci/runner-pod": runner } : {} } };
}

const someJobs = [
  jobOf("of-a", "team-runner-1-a"),
  jobOf("of-b", "team-runner-1-b"),
  jobOf("of-other-release", "other-runner-1-c"),
  jobOf("of-a-terminal"),
];

/** The looks of one controller at a cluster with these Jobs, one for each list of pods; gives the requests. */
async function look(looks: readonly Parameters<ReturnType<typeof createAbandonedJobs>>[0][], refuses = false) {
  const requests: string[] = [];
  const handler: ApiHandler = ({ method, path: asked, body }, reply) => {
    requests.push(`${method} ${asked.replace(path, "")} ${body && JSON.parse(body).preconditions.uid}`.trim());
    if (refuses) return reply.refuse(403, "Forbidden", "jobs is forbidden");
    reply.json(method === "GET" ? { metadata: {}, items: someJobs } : {});
  };
  await using api = await startKubernetesApi(handler);
  await using host = createTestHost();
  const { log, lines } = host;
  const sweep = createAbandonedJobs(await api.connect(), { namespace: "jobs", prefix: "team-runner-1-", log });
  for (const pods of looks) await sweep(pods, signal);
  return { requests, lines };
}

describe("Jobs of runners that are gone", () => {
  it("are removed at the first look, but for those of runners that live, of other releases and of nobody", async () => {
    const { requests, lines } = await look([[runnerPodOf("team-runner-1-b")]]);
    expect(requests).toEqual(["GET", "DELETE /of-a uid-of-a"]);
    expect(lines).toEqual(["Job of-a is removed: runner team-runner-1-a, which followed it, is gone."]);
  });

  it("are looked for again when a runner has gone or has ended, and only then", async () => {
    const [a, b] = [runnerPodOf("team-runner-1-a"), runnerPodOf("team-runner-1-b")];
    const ended = runnerPodOf("team-runner-1-b", { phase: "Failed" });
    const { requests } = await look([[a, b], [a, b], [a, ended], [ended]]);
    expect(requests).toEqual([
      "GET",
      "GET",
      "DELETE /of-b uid-of-b",
      "GET",
      "DELETE /of-a uid-of-a",
      "DELETE /of-b uid-of-b",
    ]);
  });

  it("stay where no right was granted, which is said once", async () => {
    const { requests, lines } = await look([[], [runnerPodOf("x")], []], true);
    expect(requests).toEqual(["GET", "GET"]);
    expect(lines).toEqual([
      expect.stringMatching(/^warning: Jobs of runners that are gone cannot be removed: .*jobs is forbidden/),
    ]);
  });
});
