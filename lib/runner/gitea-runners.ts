import * as v from "valibot";
import { sleep } from "../abort.ts";
import { DomainError } from "../error.ts";
import { forgeRequest } from "./forge-request.ts";
import { type GiteaCall, giteaCall } from "./gitea-call.ts";
import { endLostJob, listBusyRunners } from "./gitea-lost-job.ts";
import { type ForgeOptions, pathOf } from "./github-runners.ts";
import type { RunnerForge } from "./runner-forge.ts";

const runnerShape = v.object({ id: v.number(), name: v.string(), status: v.string() });
const listShape = v.object({ total_count: v.number(), runners: v.nullish(v.array(runnerShape), () => []) });
// Numbers of 64 bits travel as text in this protocol.
const registeredShape = v.object({
  runner: v.object({ id: v.string(), uuid: v.string(), token: v.string(), ephemeral: v.optional(v.boolean(), false) }),
});
const pageSize = 50;
/** A job that is being handed out at the moment when the runner is disabled has been handed out after this. */
const settleMs = 300;

/**
 * Runners of Gitea 1.24 and newer, or of a Forgejo that speaks the same protocol: the controller registers each as ephemeral, so that
 * neither the administrator's token nor a registration token ever reaches a pod.
 */
export function giteaRunners(options: ForgeOptions): RunnerForge {
  const url = options.url.replace(/\/$/, "");
  const call = giteaCall(url, options.token);
  const scope = `${pathOf(options.scope)}/actions`;
  const runners = `${scope}/runners`;
  const take = async (id: number, signal: AbortSignal) => {
    await call("DELETE", `${runners}/${id}`, { signal, accept: [404] });
    return true;
  };
  return {
    register: (name, signal) => register(call, `${runners}/registration-token`, { ...options, url, name, signal }),
    // The API calls a runner busy while it has sent something in the last ten seconds: who has a job stands in the list of jobs.
    list: async (signal) => {
      const [listed, busy] = await Promise.all([
        listRunners(call, runners, signal),
        listBusyRunners(call, scope, signal),
      ]);
      return listed.map(({ id, name, status }) => ({ id, name, online: status === "online", busy: busy.has(id) }));
    },
    retire: async ({ id }, signal) => {
      // Servers before 1.26 cannot disable a runner: there the look below is all that protects a job.
      await call("PATCH", `${runners}/${id}`, { signal, body: { disabled: true }, accept: [404, 405] });
      await sleep(settleMs, signal);
      if ((await listBusyRunners(call, scope, signal)).has(id)) return false;
      return await take(id, signal);
    },
    remove: async (runner, registration, signal) => {
      if (runner.busy && registration !== undefined)
        await endLostJob({ call, scope, url, runner, registration, signal });
      return await take(runner.id, signal);
    },
  };
}

type ListedRunner = v.InferOutput<typeof runnerShape>;

async function listRunners(call: GiteaCall, path: string, signal: AbortSignal): Promise<readonly ListedRunner[]> {
  const found: ListedRunner[] = [];
  for (let page = 1; ; page++) {
    const { data } = await call("GET", `${path}?limit=${pageSize}&page=${page}`, { signal });
    const { runners, total_count } = v.parse(listShape, data);
    found.push(...runners);
    if (runners.length === 0 || found.length >= total_count) return found;
  }
}

interface Registering extends ForgeOptions {
  readonly name: string;
  readonly signal: AbortSignal;
}

async function register(call: GiteaCall, path: string, options: Registering) {
  const { url, name, labels, signal } = options;
  const { data } = await call("POST", path, { signal });
  const { token } = v.parse(v.object({ token: v.string() }), data);
  const answer = await forgeRequest({
    method: "POST",
    url: `${url}/api/actions/runner.v1.RunnerService/Register`,
    headers: {},
    body: { name, token, labels, version: "gpu-ci", ephemeral: true },
    signal,
  });
  const { runner } = v.parse(registeredShape, answer.data);
  const id = Number(runner.id);
  if (!runner.ephemeral) {
    await call("DELETE", path.replace("registration-token", String(id)), { signal, accept: [404] });
    throw new DomainError("forge-too-old", `The forge ${url} registered ${name} for any number of jobs, not for one.`, {
      hint: "Use Gitea 1.24 or newer: older servers do not know ephemeral runners.",
    });
  }
  // The runner's own file, as its `register` would have written it; `:host` runs steps in the runner's container.
  const file = {
    id,
    uuid: runner.uuid,
    name,
    token: runner.token,
    address: options.runnerUrl,
    labels: labels.map((label) => `${label}:host`),
    ephemeral: true,
  };
  return { id, name, file: "registration", content: JSON.stringify(file) };
}
