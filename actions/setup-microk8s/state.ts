import type { State } from "../../lib/host.ts";

/** What the main step leaves for the post step to undo; each entry is saved before it is done. */
export interface SetupState {
  /** Path of the job's kubeconfig file. */
  readonly kubeconfig: string | undefined;
  /** Name of this job in the list of what jobs changed on the machine; undefined when it changed nothing and never would have. */
  readonly user: string | undefined;
}

export function saveKubeconfig(state: State, path: string): void {
  state.save("kubeconfig", path);
}

export function saveUser(state: State, user: string): void {
  state.save("user", user);
}

export function readState(state: State): SetupState {
  return { kubeconfig: state.get("kubeconfig") || undefined, user: state.get("user") || undefined };
}
