import { DomainError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { isStatus } from "../../lib/kubernetes/kubernetes-error.ts";
import { getObject } from "../../lib/kubernetes/object.ts";
import { configMaps } from "../../lib/kubernetes/resource.ts";
import { positionOf } from "../../lib/runner/drain-switch.ts";
import {
  type RunnerStatus,
  readPositions,
  readRunnerStatus,
  type StatusOptions,
} from "../../lib/runner/runner-status.ts";
import { setDrainState } from "../../lib/runner/set-drain-state.ts";
import { type RunnersOfSwitch, resumeRunners, runnersOn, waitForNoRunner } from "../../lib/runner/switch-runners.ts";
import type { Inputs } from "./inputs.ts";
import type { Outputs } from "./outputs.ts";

type Deps = Pick<Host, "env" | "log" | "signal" | "now" | "summary">;

/** The status as far as this account may see it. */
type Seen = Omit<RunnerStatus, "runners"> & { readonly runners: RunnerStatus["runners"] | undefined };

/** Puts the drain switch where it is wanted, and says what the runners do. Throws DomainError `runners-missing` where there is no switch to put. */
export async function switchRunners(inputs: Inputs, deps: Deps): Promise<Outputs> {
  const cluster = await connectKubernetes({ ...inputs, env: deps.env, log: deps.log });
  try {
    await requireSwitch(cluster, inputs, deps);
    const waits = inputs.command === "drain" && inputs.wait;
    // Whoever may not see what there is to wait for is told before anything is drained.
    if (waits) await readRunnerStatus(cluster, options(inputs, deps));
    if (inputs.command === "drain") await drain(cluster, inputs, deps);
    if (inputs.command === "resume") await resume(cluster, inputs, deps);

    const waiting = { timeoutMs: inputs.timeoutMs, say: (line: string) => deps.log.info(line) };
    const status = waits
      ? await waitForNoRunner(cluster, runnersOf(inputs, deps), waiting)
      : await look(cluster, inputs, deps);
    for (const mistake of status.mistakes) deps.log.warning(mistake);
    const lines = describe(status);
    for (const line of lines) deps.log.info(line);
    if (inputs.summary) await deps.summary(`${lines.map((line) => `- ${line}`).join("\n")}\n`);
    const { state } = positionOf(status, inputs.node);
    const runners = status.runners && runnersOn(status.runners, inputs.node).length;
    return { state, runners, drained: runners === undefined ? undefined : state !== "Running" && runners === 0 };
  } finally {
    cluster.close();
  }
}

// A switch that is put in the wrong namespace would drain nothing, and nobody would notice.
async function requireSwitch(cluster: Cluster, inputs: Inputs, { signal }: Deps): Promise<void> {
  if (await getObject(cluster, configMaps, inputs.switch, { signal })) return;
  throw new DomainError("runners-missing", `Namespace ${cluster.namespace} has no ConfigMap ${inputs.switch}.`, {
    hint: "Set namespace to the release namespace of the runners' chart, which makes it.",
  });
}

async function drain(cluster: Cluster, inputs: Inputs, { log, signal }: Deps): Promise<void> {
  const { node, deadline, terminate } = inputs;
  const state = terminate ? "DrainAndTerminate" : "DrainAndSuspend";
  await setDrainState(cluster, { name: inputs.switch, node, state, deadline, signal });
  const end = deadline === undefined ? "running ones finish" : `running ones are ended after ${deadline}`;
  log.info(`${subjectOf(inputs)}: ${state}, no new jobs; ${end}.`);
}

async function resume(cluster: Cluster, inputs: Inputs, deps: Deps): Promise<void> {
  await resumeRunners(cluster, runnersOf(inputs, deps));
  deps.log.info(`${subjectOf(inputs)}: Running, jobs are taken again.`);
}

/** The status; without runners where the account may put the switch, and not see pods. */
async function look(cluster: Cluster, inputs: Inputs, deps: Deps): Promise<Seen> {
  try {
    return await readRunnerStatus(cluster, options(inputs, deps));
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
    const { positions, mistakes } = await readPositions(cluster, options(inputs, deps));
    return {
      namespace: cluster.namespace,
      ...positions,
      mistakes: mistakes.map(({ message }) => message),
      runners: undefined,
    };
  }
}

function options(inputs: Inputs, { now, signal }: Deps): StatusOptions {
  return { drainConfigMap: inputs.switch, now: now(), signal };
}

function runnersOf({ switch: name, node }: Inputs, { now, signal }: Deps): RunnersOfSwitch {
  return { name, node, now, signal };
}

function subjectOf({ node }: Inputs): string {
  return node === undefined ? "All runners" : `Node ${node}`;
}

/** The switch first, then a line for each runner. */
function describe({ namespace, global, nodes, runners }: Seen): string[] {
  const there = runners === undefined ? "this account may not see which there are" : `${runners.length} there`;
  return [
    `Runners in namespace ${namespace}: ${global.state}; ${there}.`,
    ...[...nodes].map(([node, { state }]) => `Node ${node} by itself: ${state}.`),
    ...(runners ?? []).map(({ name, node, activity, detail }) => {
      const place = node === undefined ? "" : ` on ${node}`;
      return `${name}${place}: ${activity}${detail === undefined ? "" : `, ${detail}`}.`;
    }),
  ];
}
