import type { Engine } from "../../lib/engine/engine.ts";
import type { State } from "../../lib/host.ts";

/** What the post step needs to remove a test whose main step could not. */
export interface Started {
  readonly engine: Engine["name"];
  readonly name: string;
  /** Value of the label gpu-ci/run. */
  readonly run: string;
  readonly shards: number;
  /** Whether its removal was asked for. */
  readonly dismissed?: boolean;
}

/** Saved before anything is created. */
export function saveStarted(state: State, { engine, name, run, shards }: Started): void {
  state.save("engine", engine);
  state.save("name", name);
  state.save("run", run);
  state.save("shards", String(shards));
  state.save("dismissed", "");
}

/** Saved when the removal was asked for: the post step sees to its end. */
export function saveDismissed(state: State): void {
  state.save("dismissed", "true");
}

/** Saved when everything is gone again: there is nothing left for the post step. */
export function saveRemoved(state: State): void {
  state.save("name", "");
}

/** What the main step started and did not remove; undefined when there is nothing. */
export function readStarted(state: State): Started | undefined {
  const name = state.get("name");
  if (name === "") return undefined;
  const shards = Number(state.get("shards")) || 1;
  return {
    engine: state.get("engine") as Engine["name"],
    name,
    run: state.get("run"),
    shards,
    dismissed: state.get("dismissed") === "true",
  };
}
