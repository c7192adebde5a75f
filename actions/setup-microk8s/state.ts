import type { State } from "../../lib/host.ts";

/** What the main step did to the machine, for the post step to undo; each entry is saved before it is done. */
export interface Changes {
  /** Path of the job's kubeconfig file. */
  readonly kubeconfig: string | undefined;
  /** Refreshes of microk8s are held back by us and by nobody else. */
  readonly held: boolean;
  /** microk8s was not there before, and is to be removed. */
  readonly remove: boolean;
}

export function saveKubeconfig(state: State, path: string): void {
  state.save("kubeconfig", path);
}

export function saveHeld(state: State): void {
  state.save("held", "true");
}

export function saveRemove(state: State): void {
  state.save("remove", "true");
}

export function readChanges(state: State): Changes {
  return {
    kubeconfig: state.get("kubeconfig") || undefined,
    held: state.get("held") === "true",
    remove: state.get("remove") === "true",
  };
}
