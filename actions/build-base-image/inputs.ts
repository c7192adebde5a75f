import { InputError } from "../../lib/error.ts";
import { choice, type GetInput, list, map, requiredText, secretMap, size, text } from "../../lib/input.ts";
import { isRegistry, isTag } from "../../lib/oci/reference.ts";

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;
const secretId = /^[A-Za-z0-9_.-]+$/;

/** Reads the inputs of action.yml; throws InputError. */
export function readInputs(get: GetInput) {
  const inputs = {
    file: requiredText(get, "file"),
    context: requiredText(get, "context"),
    target: text(get, "target"),
    buildArgs: map(get, "build-args", variableName),
    secrets: secretMap(get, "secrets", secretId),
    secretEnvs: map(get, "secret-envs", secretId),
    platforms: list(get, "platforms"),
    builder: choice(get, "builder", ["auto", "buildx", "buildkit", "buildah"]),
    cacheFrom: list(get, "cache-from"),
    cacheTo: list(get, "cache-to"),
    tags: list(get, "tags"),
    labels: map(get, "labels"),
    output: text(get, "output"),
    rebuild: choice(get, "rebuild", ["auto", "always", "never"]),
    minFreeBytes: size(get, "min-free") ?? 0,
    kubeconfig: text(get, "kubeconfig"),
    workingDirectory: requiredText(get, "working-directory"),
    registry: requiredText(get, "registry"),
    username: text(get, "username"),
    password: text(get, "password"),
  };
  checkInputs(inputs);
  return inputs;
}

export type Inputs = ReturnType<typeof readInputs>;

function checkInputs(inputs: Inputs): void {
  check(
    "platforms",
    inputs.platforms,
    (value) => /^[a-z0-9]+\/[a-z0-9]+(\/[a-z0-9]+)?$/.test(value),
    "os/architecture[/variant] such as linux/amd64",
  );
  check("tags", inputs.tags, isTag, "image tags without a repository, such as 1.4.0");
  check("secret-envs", Object.values(inputs.secretEnvs), (value) => variableName.test(value), "lines of ID=VARIABLE");
  check("registry", [inputs.registry], (value) => value === "auto" || isRegistry(value), "auto, or host[:port]");
  // A path would be taken apart at the colon by the tools that read `oci:PATH:TAG`.
  check(
    "output",
    inputs.output === undefined ? [] : [inputs.output],
    (value) => !value.includes(":"),
    "a path without a colon",
  );
  if ((inputs.username === undefined) !== (inputs.password === undefined)) {
    const missing = inputs.username === undefined ? "username" : "password";
    throw new InputError(missing, "", "a value, because username and password are given together");
  }
}

function check(input: string, values: readonly string[], isValid: (value: string) => boolean, allowed: string): void {
  const wrong = values.find((value) => !isValid(value));
  if (wrong !== undefined) throw new InputError(input, wrong, allowed);
}
