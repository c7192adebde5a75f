import { InputError } from "../../lib/error.ts";
import { choice, duration, flag, type GetInput, integer, list, requiredText, text } from "../../lib/input.ts";
import { readRegistryInputs } from "../../lib/oci/registry-inputs.ts";

/** Reads the inputs of action.yml; throws InputError for the first wrong one. */
export function readInputs(get: GetInput) {
  const inputs = {
    keepLast: text(get, "keep-last") === undefined ? undefined : integer(get, "keep-last", 0),
    keepDays: text(get, "keep-days") === undefined ? undefined : integer(get, "keep-days", 0),
    keepBranches: flag(get, "keep-branches"),
    remote: requiredText(get, "remote"),
    protect: list(get, "protect"),
    protectVersions: flag(get, "protect-versions"),
    repositories: list(get, "repository"),
    untagged: flag(get, "untagged"),
    checkPods: flag(get, "check-pods"),
    gc: choice(get, "gc", ["off", "pod", "host"]),
    gcPod: readPod(requiredText(get, "gc-pod")),
    gcConfig: requiredText(get, "gc-config"),
    quietMinutes: get("quiet-for").trim() === "0" ? 0 : Math.ceil(duration(get, "quiet-for") / 60_000),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    workingDirectory: requiredText(get, "working-directory"),
    githubToken: text(get, "github-token"),
    dryRun: flag(get, "dry-run"),
    summary: flag(get, "summary"),
    ...readRegistryInputs(get),
  };
  if (inputs.untagged && (inputs.gc === "off" || inputs.keepDays === undefined)) {
    throw new InputError("untagged", "true", "true together with gc and keep-days, else false");
  }
  return inputs;
}

export type Inputs = ReturnType<typeof readInputs>;

/** Throws InputError unless a rule keeps something: there is no default for what may be deleted. */
export function requireRule({ keepLast, keepDays }: Inputs): void {
  if (keepLast !== undefined || keepDays !== undefined) return;
  throw new InputError("keep-last", "", "a number here or in keep-days, because without both every image could go");
}

function readPod(name: string): { readonly namespace: string; readonly selector: string } {
  const [, namespace, selector] = /^([a-z0-9-]+)\/([^/].*=.+)$/.exec(name) ?? [];
  if (namespace === undefined || selector === undefined) {
    throw new InputError("gc-pod", name, "NAMESPACE/LABEL-SELECTOR such as container-registry/app=registry");
  }
  return { namespace, selector };
}
