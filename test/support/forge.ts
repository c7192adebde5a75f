import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { exec } from "../../lib/exec.ts";
import { root } from "./house.ts";

/** A forge with Actions and its administrator. */
export interface Forge {
  readonly url: string;
  readonly user: string;
  readonly token: string;
}

/** A run as the forge's API gives it. */
export interface ForgeRun {
  readonly id: number;
  readonly event: string;
  /** File of the workflow and the ref that it ran on: `gpu.yml@refs/heads/main`. */
  readonly path: string;
  readonly status: string;
  readonly conclusion: string;
}

/** A job of a run; a called workflow is one job of its caller there. */
export interface ForgeJob {
  readonly id: number;
  readonly name: string;
  readonly conclusion: string;
}

/** The folder with the test cluster and the test forge. Throws when it is not there: the suites that use it never skip. */
export function sharedFolder(env: NodeJS.ProcessEnv = process.env): string {
  const folder = resolve(root, env.GPU_CI_SHARED || "../shared");
  if (!existsSync(join(folder, "forge/up"))) {
    throw new Error(
      `There is no test forge at ${folder}/forge; set GPU_CI_SHARED to the folder that holds cluster/ and forge/.`,
    );
  }
  return folder;
}

/** Starts the forge, or finds the one that runs. The steps of its jobs get KUBECONFIG and this Node, which must be the first on PATH. */
export async function startForge(): Promise<Forge> {
  if (!process.env.KUBECONFIG) throw new Error("KUBECONFIG names no cluster; the jobs of the forge run on one.");
  // Its jobs inherit this environment for good: nothing in it may be of the test that happened to start it.
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|NODE_|npm_(lifecycle|package)|GITHUB_)/.test(name),
  );
  const env = { ...Object.fromEntries(kept), PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
  const { stdout } = await exec(join(sharedFolder(), "forge/up"), [], { env });
  const values = new Map([...stdout.matchAll(/^export (\w+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
  const value = (name: string) => values.get(name) ?? "";
  return { url: value("FORGE_URL"), user: value("FORGE_USER"), token: value("FORGE_TOKEN") };
}

/** One call of the forge's API. Throws with the answer unless it is 2xx; an answer that is not JSON is given as text. */
export async function callForge<T>(forge: Forge, method: string, path: string, body?: object): Promise<T> {
  const response = await fetch(`${forge.url}/api/v1${path}`, {
    method,
    headers: { authorization: `token ${forge.token}`, "content-type": "application/json" },
    ...(body ? { body: JSON.stringify(body) } : {}),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return (response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text) as T;
}

/** Makes an empty repository of the forge's user, in place of one that has the name; returns its owner and name. */
export async function createRepository(forge: Forge, name: string): Promise<string> {
  const repository = `${forge.user}/${name}`;
  await callForge(forge, "DELETE", `/repos/${repository}`).catch(() => undefined);
  await callForge(forge, "POST", "/user/repos", { name });
  return repository;
}

/** An address that git can push to. */
export function remoteOf(forge: Forge, repository: string): string {
  const url = new URL(`${forge.url}/${repository}.git`);
  url.username = forge.user;
  url.password = forge.token;
  return url.href;
}

/** Makes the folder a git repository with one commit on main, and pushes it. */
export async function pushFolder(forge: Forge, folder: string, repository: string): Promise<string> {
  const git = gitIn(folder);
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", repository);
  await git("push", "--quiet", remoteOf(forge, repository), "main");
  return git("rev-parse", "HEAD");
}

/** git in a folder, by an identity of the tests; gives what it printed. */
export function gitIn(folder: string): (...args: string[]) => Promise<string> {
  const identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  return async (...args) => (await exec("git", ["-C", folder, ...identity, ...args])).stdout.trim();
}

/** Which run to wait for, and for how long. */
export interface AwaitedRun {
  readonly path: string;
  readonly event: string;
  readonly timeoutMs: number;
}

/** Waits until the newest run of a workflow file for an event has ended; it must begin within ten seconds. */
export async function finishedRun(forge: Forge, repository: string, awaited: AwaitedRun): Promise<ForgeRun> {
  const { path, event, timeoutMs } = awaited;
  const what = `run of ${path} in ${repository} for ${event}`;
  for (const begin = Date.now(); Date.now() < begin + timeoutMs; await wait(250)) {
    const runs = await runsOf(forge, repository);
    const run = runs.find((candidate) => candidate.path === path && candidate.event === event);
    if (run?.status === "completed") return run;
    if (!run && Date.now() > begin + 10_000) throw new Error(`No ${what} has begun.`);
  }
  throw new Error(`The ${what} did not end within ${timeoutMs / 1000} s.`);
}

/** The runs of a repository, the newest first. */
export async function runsOf(forge: Forge, repository: string): Promise<readonly ForgeRun[]> {
  const answer = await callForge<{ workflow_runs: ForgeRun[] }>(forge, "GET", `/repos/${repository}/actions/runs`);
  return answer.workflow_runs;
}

/** The jobs of a run. */
export async function jobsOf(forge: Forge, repository: string, run: ForgeRun): Promise<readonly ForgeJob[]> {
  const answer = await callForge<{ jobs: ForgeJob[] }>(
    forge,
    "GET",
    `/repos/${repository}/actions/runs/${run.id}/jobs`,
  );
  return answer.jobs;
}

/** A job's log without the times. */
export async function logOf(forge: Forge, repository: string, job: ForgeJob): Promise<string> {
  const log = await callForge<string>(forge, "GET", `/repos/${repository}/actions/jobs/${job.id}/logs`);
  return log.replaceAll(/^[0-9T:.-]*Z /gm, "");
}
