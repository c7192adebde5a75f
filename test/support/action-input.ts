import type { GetInput } from "../../lib/input.ts";
import { readAction } from "./house.ts";

/** The inputs of an action as the runner would give them: the values, and action.yml's defaults for all others. */
export function actionInput(action: string, values: Readonly<Record<string, string>> = {}): GetInput {
  const { inputs = {} } = readAction(action);
  const unknown = Object.keys(values).filter((name) => !(name in inputs));
  if (unknown.length > 0) throw new Error(`actions/${action}/action.yml declares no input ${unknown.join(", ")}.`);
  return (name) => values[name] ?? inputs[name]?.default ?? "";
}
