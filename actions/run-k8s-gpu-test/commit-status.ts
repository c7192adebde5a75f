import { readFile } from "node:fs/promises";
import { describeError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { type CommitStatus, type StatusPlace, setCommitStatus } from "../../lib/report/commit-status.ts";
import type { Report } from "../../lib/report/report.ts";
import type { Inputs } from "./inputs.ts";

type Deps = Pick<Host, "log" | "env" | "run" | "state">;
type StatusInputs = Pick<Inputs, "commitStatus" | "githubToken">;

const stateKey = "commit-status";

/** Runs a test with a commit status beside it, where one is asked for: pending at first, and an end of its own however the test ends. */
export async function withCommitStatus<T extends Pick<Report, "conclusion" | "detail">>(
  inputs: StatusInputs,
  deps: Deps,
  runTest: () => Promise<T>,
): Promise<T> {
  const place = await findPlace(inputs, deps);
  if (!place) return await runTest();
  deps.state.save(stateKey, "pending");
  await tell(place, { state: "pending", description: "The test is on its way to a GPU." }, deps);
  const finish = async (status: CommitStatus) => {
    await tell(place, status, deps);
    deps.state.save(stateKey, "");
  };
  try {
    const result = await runTest();
    await finish({ state: stateOf(result.conclusion), description: result.detail });
    return result;
  } catch (error) {
    await finish({ state: "error", description: describeError(error) });
    throw error;
  }
}

/** Ends the status of a main step that was killed. */
export async function endCommitStatus(readInputs: () => StatusInputs, deps: Deps): Promise<void> {
  if (deps.state.get(stateKey) !== "pending") return;
  const place = await findPlace(readInputs(), deps);
  if (place) await tell(place, { state: "error", description: "The step was ended before the test had." }, deps);
}

async function tell(place: StatusPlace, status: CommitStatus, { log }: Deps): Promise<void> {
  const problem = await setCommitStatus(place, status);
  if (problem !== undefined) log.warning(problem);
}

async function findPlace({ commitStatus, githubToken }: StatusInputs, { env, run, log }: Deps) {
  if (commitStatus === undefined) return undefined;
  const sha = (await headOfPullRequest(env)) ?? run.commit;
  if (!githubToken || !run.repository || !sha) {
    log.warning("No commit status: github-token, GITHUB_REPOSITORY or GITHUB_SHA is missing.");
    return undefined;
  }
  const apiUrl = env.GITHUB_API_URL || "https://api.github.com";
  return { apiUrl, repository: run.repository, sha, context: commitStatus, token: githubToken, url: run.url };
}

/** In a pull request GITHUB_SHA is a merge that nobody sees; its statuses are those of its head. */
async function headOfPullRequest({ GITHUB_EVENT_PATH }: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    return JSON.parse(await readFile(GITHUB_EVENT_PATH ?? "", "utf8")).pull_request?.head?.sha;
  } catch {
    return undefined;
  }
}

function stateOf(conclusion: Report["conclusion"]): CommitStatus["state"] {
  if (conclusion === "success") return "success";
  return conclusion === "failure" || conclusion === "timed-out" ? "failure" : "error";
}
