import { rm } from "node:fs/promises";
import { deadline } from "../../lib/abort.ts";
import { describeError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { releaseClaims } from "../../lib/microk8s/claims.ts";
import { withSnapPath } from "../../lib/microk8s/host-programs.ts";
import { readState } from "./state.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "state"> & { readonly hostRoot?: string };

const longestMs = 10 * 60_000;

/** Undoes what the main step did and no other job relies on, and nothing else. May be called again; warns instead of failing the job. */
export async function undoSetup(deps: Deps): Promise<void> {
  const { kubeconfig, user } = readState(deps.state);
  if (kubeconfig) await attempt(`remove ${kubeconfig}`, () => rm(kubeconfig, { force: true }));
  if (!user) return;
  using limit = deadline("Undoing what was set up on this machine", longestMs, deps.signal);
  const host = { ...deps, env: withSnapPath(deps.env), root: deps.hostRoot ?? "/", signal: limit.signal };
  await attempt("undo all that was done to this machine", () => releaseClaims(host, user));

  async function attempt(what: string, undo: () => Promise<void>): Promise<void> {
    try {
      await undo();
    } catch (error) {
      deps.log.warning(`Could not ${what}: ${describeError(error)}`);
    }
  }
}
