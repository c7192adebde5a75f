import { createHash } from "node:crypto";
import type { RunIdentity } from "../host.ts";

/**
 * Reads the run's identity from the runner's environment. The matrix part is made of the job's id and of what tells two legs of one
 * job apart on every runner: the runner's name and the step's id are the same for all, so a workflow passes GPU_CI_MATRIX where it has a matrix.
 */
export function runIdentity(env: NodeJS.ProcessEnv): RunIdentity {
  const repository = env.GITHUB_REPOSITORY || undefined;
  const id = env.GITHUB_RUN_ID || String(process.pid);
  const leg = [env.GITHUB_JOB, env.GITHUB_ACTION, env.GPU_CI_MATRIX].filter(Boolean).join("/");
  return {
    id,
    attempt: Number(env.GITHUB_RUN_ATTEMPT) || 1,
    matrix: leg === "" ? "" : createHash("sha256").update(leg).digest("hex").slice(0, 8),
    url: repository && env.GITHUB_SERVER_URL ? `${env.GITHUB_SERVER_URL}/${repository}/actions/runs/${id}` : undefined,
    actor: env.GITHUB_ACTOR || undefined,
    repository,
    commit: env.GITHUB_SHA || undefined,
    runnerPod: env.GPU_CI_RUNNER_POD || undefined,
  };
}
