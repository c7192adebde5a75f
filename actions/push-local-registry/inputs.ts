import { InputError } from "../../lib/error.ts";
import { choice, flag, type GetInput, integer, list, requiredText, text } from "../../lib/input.ts";
import { isRegistry } from "../../lib/oci/reference.ts";
import { readTargetName } from "../../lib/oci/target-name.ts";

/** Reads the inputs of action.yml; throws InputError for the first wrong one. */
export function readInputs(get: GetInput) {
  const inputs = {
    source: requiredText(get, "source"),
    target: readTargetName(text(get, "image"), list(get, "tags")),
    tlsVerify: flag(get, "tls-verify"),
    parallel: integer(get, "parallel", 1, 16),
    verify: choice(get, "verify", ["none", "size", "full"]),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    workingDirectory: requiredText(get, "working-directory"),
    registry: requiredText(get, "registry"),
    username: text(get, "username"),
    password: text(get, "password"),
  };
  if (inputs.registry !== "auto" && !isRegistry(inputs.registry)) {
    throw new InputError("registry", inputs.registry, "auto, or host[:port] such as localhost:32000");
  }
  if ((inputs.username === undefined) !== (inputs.password === undefined)) {
    const missing = inputs.username === undefined ? "username" : "password";
    throw new InputError(missing, "", "a value when the other one of username and password is given");
  }
  return inputs;
}

export type Inputs = ReturnType<typeof readInputs>;
