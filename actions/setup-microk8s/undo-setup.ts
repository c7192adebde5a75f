import { rm } from "node:fs/promises";
import { describeError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { withSnapPath } from "../../lib/microk8s/host-programs.ts";
import { findSnap, removeSnap, setRefreshHold } from "../../lib/microk8s/snap.ts";
import { readChanges } from "./state.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "state">;

/** Undoes what the main step did and nothing else. May be called again; warns instead of failing the job. */
export async function undoSetup(deps: Deps): Promise<void> {
  const changes = readChanges(deps.state);
  const host = { ...deps, env: withSnapPath(deps.env) };
  const { kubeconfig, held, remove } = changes;
  if (kubeconfig) await attempt(`remove ${kubeconfig}`, () => rm(kubeconfig, { force: true }));
  if (!held && !remove) return;
  await attempt(remove ? "remove microk8s" : "let microk8s refresh again", async () => {
    // An install that failed half-way may have left no snap.
    if ((await findSnap(host, "microk8s")) === undefined) return;
    deps.log.info(remove ? "Removing microk8s, which this job installed." : "Letting microk8s refresh again.");
    await (remove ? removeSnap(host, "microk8s") : setRefreshHold(host, "microk8s", false));
  });

  async function attempt(what: string, undo: () => Promise<void>): Promise<void> {
    try {
      await undo();
    } catch (error) {
      deps.log.warning(`Could not ${what}: ${describeError(error)}`);
    }
  }
}
