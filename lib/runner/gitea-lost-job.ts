import * as v from "valibot";
import { forgeRequest } from "./forge-request.ts";
import type { GiteaCall } from "./gitea-call.ts";
import type { ForgeRunner } from "./runner-forge.ts";

/** The job of a runner whose process is gone. */
export interface LostJob {
  readonly call: GiteaCall;
  /** API path below which jobs of the scope are listed. */
  readonly scope: string;
  readonly url: string;
  readonly runner: ForgeRunner;
  /** What the runner was registered with: only as that runner can its job be ended. */
  readonly registration: string;
  readonly signal: AbortSignal;
}

const jobsShape = v.object({
  total_count: v.number(),
  jobs: v.nullish(v.array(v.object({ runner_id: v.optional(v.number()), url: v.string() })), []),
});
const tasksShape = v.object({
  workflow_runs: v.nullish(v.array(v.object({ id: v.number(), status: v.string() })), []),
});
const pageSize = 50;
const credentialShape = v.object({ uuid: v.string(), token: v.string() });

/**
 * Ends the job of a runner that was killed, in its name, with a line that says so: the forge itself would wait ten minutes. A job has its
 * task among the repository's running ones; the server refuses all that are not this runner's, so that trying them is safe.
 */
export async function endLostJob(lost: LostJob): Promise<void> {
  const { call, scope, runner, signal } = lost;
  const url = (await listBusyRunners(call, scope, signal)).get(runner.id) ?? "";
  const repository = /\/repos\/([^/]+\/[^/]+)\//.exec(url)?.[1];
  if (repository === undefined) return;
  const tasks = await call("GET", `/repos/${repository}/actions/tasks?limit=50`, { signal });
  const active = v.parse(tasksShape, tasks.data).workflow_runs.filter(({ status }) => status === "running");
  for (const { id } of active) {
    if (await endTask(lost, id)) return;
  }
}

/** The runners that have a job, by id, with the job's address in the API. */
export async function listBusyRunners(call: GiteaCall, scope: string, signal: AbortSignal) {
  const busy = new Map<number, string>();
  for (let page = 1, seen = 0; ; page++) {
    const { data } = await call("GET", `${scope}/jobs?status=in_progress&limit=${pageSize}&page=${page}`, { signal });
    const { jobs, total_count } = v.parse(jobsShape, data);
    for (const { runner_id, url } of jobs) if (runner_id !== undefined) busy.set(runner_id, url);
    seen += jobs.length;
    if (jobs.length === 0 || seen >= total_count) return busy;
  }
}

async function endTask({ url, runner, registration, signal }: LostJob, task: number): Promise<boolean> {
  const { uuid, token } = v.parse(credentialShape, JSON.parse(registration));
  const send = (method: string, body: object) =>
    forgeRequest({
      method: "POST",
      url: `${url}/api/actions/runner.v1.RunnerService/${method}`,
      headers: { "x-runner-uuid": uuid, "x-runner-token": token },
      body,
      signal,
      accept: [400, 401, 403, 404, 409, 500],
    });
  const at = new Date().toISOString();
  // Without rows the server tells how many lines it has, and refuses a task of another runner.
  const known = await send("UpdateLog", { taskId: String(task), index: "0", rows: [] });
  if (known.status >= 400) return false;
  const index = String(Object(known.data).ackIndex ?? 0);
  const row = { time: at, content: `The pod of runner ${runner.name} ended in the middle of this job.` };
  await send("UpdateLog", { taskId: String(task), index, rows: [row], noMore: true });
  const answer = await send("UpdateTask", {
    state: { id: String(task), result: "RESULT_FAILURE", stoppedAt: at },
  });
  return answer.status < 400;
}
