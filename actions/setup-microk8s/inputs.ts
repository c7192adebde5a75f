import { InputError } from "../../lib/error.ts";
import { choice, duration, flag, type GetInput, list, requiredText, text } from "../../lib/input.ts";
import { parseTrusted } from "../../lib/microk8s/trusted-registry.ts";
import { isRegistry } from "../../lib/oci/reference.ts";
import { parseSize } from "../../lib/size.ts";

/** Reads the inputs of action.yml; throws InputError. */
export function readInputs(get: GetInput) {
  const inputs = {
    distribution: choice(get, "distribution", ["auto", "existing", "optional", "microk8s"]),
    channel: requiredText(get, "channel"),
    addons: list(get, "addons"),
    gpu: choice(get, "gpu", ["auto", "required", "off"]),
    registrySize: requiredText(get, "registry-size"),
    waitTimeoutMs: duration(get, "wait-timeout"),
    holdRefresh: flag(get, "hold-refresh"),
    removeOnPost: flag(get, "remove-on-post"),
    kubeconfig: text(get, "kubeconfig"),
    context: text(get, "context"),
    insecureRegistries: list(get, "insecure-registries").map((entry) => parseTrusted("insecure-registries", entry)),
    sideloadImages: list(get, "sideload-images"),
    registry: requiredText(get, "registry"),
  };
  checkWords(inputs);
  checkTogether(inputs);
  return inputs;
}

export type Inputs = ReturnType<typeof readInputs>;

function checkWords(inputs: Inputs): void {
  check(
    "channel",
    inputs.channel,
    /^[a-z0-9.-]+(\/(stable|candidate|beta|edge)(\/[a-z0-9.-]+)?)?$/,
    "track/risk such as 1.32/stable",
  );
  // No addon begins with a dash: it would be an option of microk8s.
  for (const addon of inputs.addons)
    check("addons", addon, /^[a-z0-9][a-z0-9-]*(:[^\s:]+)?$/, "names of addons, with an argument after a colon");
  if (parseSize(inputs.registrySize) === undefined || !inputs.registrySize.endsWith("Gi")) {
    throw new InputError("registry-size", inputs.registrySize, "a size in Gi such as 20Gi");
  }
  if (inputs.registry !== "auto" && !isRegistry(inputs.registry)) {
    throw new InputError("registry", inputs.registry, "auto, or host[:port]");
  }
}

function checkTogether(inputs: Inputs): void {
  const { distribution, sideloadImages } = inputs;
  if ((distribution === "existing" || distribution === "optional") && sideloadImages.length > 0) {
    throw new InputError("sideload-images", sideloadImages.join(", "), `empty with distribution ${distribution}`);
  }
  if (inputs.distribution === "microk8s" && inputs.kubeconfig !== undefined) {
    throw new InputError(
      "kubeconfig",
      inputs.kubeconfig,
      "empty with distribution microk8s, which uses this machine's own cluster",
    );
  }
}

function check(input: string, value: string, pattern: RegExp, allowed: string): void {
  if (!pattern.test(value)) throw new InputError(input, value, allowed);
}
