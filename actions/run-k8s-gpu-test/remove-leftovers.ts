import { removeArguments } from "../../lib/engine/container-arguments.ts";
import { confirmRemoval, removeTest } from "../../lib/engine/kubernetes-removal.ts";
import { removeStack } from "../../lib/engine/stack.ts";
import { stackName } from "../../lib/engine/stack-engine.ts";
import { describeError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { connectKubernetes } from "../../lib/kubernetes/client.ts";
import type { Inputs } from "./inputs.ts";
import { readStarted, type Started } from "./state.ts";

type Deps = Pick<Host, "log" | "exec" | "env" | "state">;

/** Removes what a main step that was killed left behind. It warns and never fails: the job's verdict is made already. */
export async function removeLeftovers(readInputs: () => Inputs, deps: Deps): Promise<void> {
  const started = readStarted(deps.state);
  if (!started) return;
  try {
    if (!started.dismissed) deps.log.info(`Removing ${started.name}, which the main step could not remove.`);
    if (started.engine === "kubernetes") await removeJob(started, readInputs(), deps);
    else await removeContainers(started.engine, started, deps);
  } catch (error) {
    deps.log.warning(`${started.name} may still be there: ${describeError(error)}`);
  }
}

async function removeContainers(
  engine: "podman" | "docker",
  { run }: Started,
  { exec }: Pick<Deps, "exec">,
): Promise<void> {
  const filter = `label=gpu-ci/run=${run}`;
  const { stdout } = await exec(engine, ["ps", "--all", "--filter", filter, "--format", "{{.Names}}"]);
  // One that shares another's network goes with it.
  for (const container of stdout.split("\n").filter(Boolean))
    await exec(engine, removeArguments(engine, container), { ignoreExitCode: true });
}

async function removeJob({ name, run, dismissed }: Started, inputs: Inputs, { env, log }: Deps): Promise<void> {
  const cluster = await connectKubernetes({ ...inputs, env, log });
  try {
    if (dismissed) return await confirmRemoval(cluster, name);
    await removeTest(cluster, { name, run });
    await removeStack(cluster, { name: stackName({ name }), run });
  } finally {
    cluster.close();
  }
}
