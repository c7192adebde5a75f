import * as v from "valibot";
import { type ForgeRequest, forgeRequest } from "./forge-request.ts";
import type { ForgeRunner, RunnerForge } from "./runner-forge.ts";

/** Where runners are registered, for whom, and with which labels. */
export interface ForgeOptions {
  /** The forge's own address, as people use it. */
  readonly url: string;
  /** `org:NAME`, `repo:OWNER/NAME` or, not on GitHub, `instance`. */
  readonly scope: string;
  readonly labels: readonly string[];
  /** The address by which runners reach the forge. */
  readonly runnerUrl: string;
  /** Read for every call: a token may be replaced while the controller runs. */
  readonly token: () => Promise<string>;
}

const listShape = v.object({
  total_count: v.number(),
  runners: v.array(v.object({ id: v.number(), name: v.string(), status: v.string(), busy: v.boolean() })),
});
const registrationShape = v.object({ encoded_jit_config: v.string(), runner: v.object({ id: v.number() }) });

/** The default group of an organisation or repository; other groups belong to enterprises' policies. */
const runnerGroup = 1;
const pageSize = 100;

/** Runners of GitHub or GitHub Enterprise Server: registered just in time, each for one job. */
export function githubRunners(options: ForgeOptions): RunnerForge {
  const base = `${apiOf(options.url)}${pathOf(options.scope)}/actions/runners`;
  const send = async (request: Omit<ForgeRequest, "headers" | "url">, path = "") => {
    const authorization = `Bearer ${await options.token()}`;
    const headers = { authorization, accept: "application/vnd.github+json", "x-github-api-version": "2022-11-28" };
    return await forgeRequest({ ...request, url: `${base}${path}`, headers });
  };
  // GitHub keeps a runner that has a job: it answers 422, or 409 on older servers.
  const take = async (runner: ForgeRunner, signal: AbortSignal) => {
    const answer = await send({ method: "DELETE", signal, accept: [404, 409, 422] }, `/${runner.id}`);
    return answer.status < 300 || answer.status === 404;
  };
  return {
    register: async (name, signal) => {
      const body = { name, runner_group_id: runnerGroup, labels: options.labels, work_folder: "/work" };
      const { data } = await send({ method: "POST", body, signal }, "/generate-jitconfig");
      const registration = v.parse(registrationShape, data);
      return { id: registration.runner.id, name, file: "jitconfig", content: registration.encoded_jit_config };
    },
    list: async (signal) => {
      const found: ForgeRunner[] = [];
      for (let page = 1; ; page++) {
        const { data } = await send({ method: "GET", signal }, `?per_page=${pageSize}&page=${page}`);
        const { runners, total_count } = v.parse(listShape, data);
        found.push(...runners.map(({ id, name, status, busy }) => ({ id, name, online: status === "online", busy })));
        if (runners.length === 0 || found.length >= total_count) return found;
      }
    },
    retire: take,
    remove: (runner, _registration, signal) => take(runner, signal),
  };
}

function apiOf(url: string): string {
  const { origin, hostname } = new URL(url);
  return hostname === "github.com" ? "https://api.github.com" : `${origin}/api/v3`;
}

/** The part of an API path that names a scope. */
export function pathOf(scope: string): string {
  const [kind, name = ""] = scope.split(":");
  if (kind === "instance") return "/admin";
  return kind === "org" ? `/orgs/${name}` : `/repos/${name}`;
}
