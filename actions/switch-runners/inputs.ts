import { parseDuration } from "../../lib/duration.ts";
import { InputError } from "../../lib/error.ts";
import { choice, duration, flag, type GetInput, requiredText, text } from "../../lib/input.ts";
import { requireObjectName } from "../../lib/runner/switch-runners.ts";

/** Reads the inputs of action.yml; throws InputError. */
export function readInputs(get: GetInput) {
  const inputs = {
    command: choice(get, "command", ["status", "drain", "resume"]),
    node: text(get, "node"),
    deadline: text(get, "deadline"),
    terminate: flag(get, "terminate"),
    wait: flag(get, "wait"),
    switch: requiredText(get, "switch"),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    namespace: text(get, "namespace"),
    timeoutMs: duration(get, "timeout"),
    summary: flag(get, "summary"),
  };
  if (inputs.node !== undefined) requireObjectName("node", inputs.node, "the name of a node");
  requireObjectName("switch", inputs.switch, "the name of a ConfigMap");
  if (inputs.deadline !== undefined && parseDuration(inputs.deadline) === undefined) {
    throw new InputError("deadline", inputs.deadline, "a duration such as 90s, 30m or 2h");
  }
  return inputs;
}

export type Inputs = ReturnType<typeof readInputs>;
