import { choice, duration, type GetInput, integer, list, requiredText, text } from "../../lib/input.ts";
import { readRegistryInputs } from "../../lib/oci/registry-inputs.ts";
import { readTargetName } from "../../lib/oci/target-name.ts";

/** Reads the inputs of action.yml; throws InputError for the first wrong one. */
export function readInputs(get: GetInput) {
  return {
    source: requiredText(get, "source"),
    target: readTargetName(text(get, "image"), list(get, "tags")),
    parallel: integer(get, "parallel", 1, 16),
    verify: choice(get, "verify", ["none", "size", "full"]),
    verifyPull: choice(get, "verify-pull", ["none", "node"]),
    verifyPullTimeoutMs: duration(get, "verify-pull-timeout"),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    namespace: text(get, "namespace"),
    workingDirectory: requiredText(get, "working-directory"),
    ...readRegistryInputs(get),
  };
}

export type Inputs = ReturnType<typeof readInputs>;
