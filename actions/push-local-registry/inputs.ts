import { InputError } from "../../lib/error.ts";
import { choice, duration, type GetInput, integer, list, requiredText, text } from "../../lib/input.ts";
import { readRegistryInputs } from "../../lib/oci/registry-inputs.ts";
import { readTargetName } from "../../lib/oci/target-name.ts";

/** Reads the inputs of action.yml; throws InputError for the first wrong one. */
export function readInputs(get: GetInput) {
  const target = readTarget(get, "target");
  const verifyPull = choice(get, "verify-pull", ["none", "node"]);
  if (verifyPull === "node" && target.kind !== "registry")
    throw new InputError("verify-pull", verifyPull, "none where target is no registry: there is nothing to pull from");
  const compression = choice(get, "compression", ["auto", "none", "zstd", "gzip"]);
  if (["zstd", "gzip"].includes(compression) && target.kind !== "registry")
    throw new InputError(
      "compression",
      compression,
      "auto or none where target is no registry: layers stay as they are",
    );
  return {
    source: requiredText(get, "source"),
    target,
    compression,
    attestations: choice(get, "attestations", ["auto", "keep", "drop"]),
    name: readTargetName(text(get, "image"), list(get, "tags")),
    parallel: integer(get, "parallel", 1, 16),
    verify: choice(get, "verify", ["none", "size", "full"]),
    verifyPull,
    verifyPullTimeoutMs: duration(get, "verify-pull-timeout"),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    namespace: text(get, "namespace"),
    workingDirectory: requiredText(get, "working-directory"),
    ...readRegistryInputs(get),
  };
}

export type Inputs = ReturnType<typeof readInputs>;

/** Where the image goes. */
export type Target =
  | { readonly kind: "registry" | "containerd" }
  | { readonly kind: "layout"; readonly folder: string };

function readTarget(get: GetInput, name: string): Target {
  const value = requiredText(get, name);
  if (value === "registry" || value === "containerd") return { kind: value };
  const [, folder] = /^layout:(.+)$/.exec(value) ?? [];
  if (folder === undefined) throw new InputError(name, value, "registry, containerd, or layout:FOLDER");
  return { kind: "layout", folder };
}
