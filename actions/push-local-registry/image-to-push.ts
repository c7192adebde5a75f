import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Host } from "../../lib/host.ts";
import type { LocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import { withoutAttestations } from "../../lib/oci/attestations.ts";
import { openImageSource } from "../../lib/oci/image-source.ts";
import { isLoopback } from "../../lib/oci/loopback.ts";
import { parseNamed } from "../../lib/oci/reference.ts";
import { openRegistry, type RegistryClient } from "../../lib/oci/registry-client.ts";
import type { ImageSource } from "../../lib/oci/source.ts";
import type { Inputs } from "./inputs.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "tempDirectory">;

/** Where the image goes, and how a source in the same registry is opened: with its credentials, which no other one is shown. */
interface Target {
  readonly registry: LocalRegistry;
  readonly openSame: () => RegistryClient;
}

/** Opens the input source, less the attestations that nobody reads where it goes. */
export async function openImageToPush(inputs: Inputs, target: Target, deps: Deps): Promise<ImageSource> {
  const { registry, openSame } = target;
  const names: readonly (string | undefined)[] = [registry.push, registry.pull, registry.inCluster, undefined];
  const source = await openImageSource({
    source: await locate(inputs, deps),
    registryOf: (name) =>
      names.includes(name) ? openSame() : openRegistry({ registry: name ?? registry.push, ...deps }),
    deps,
  });
  return dropsAttestations(inputs, registry) ? withoutAttestations(source, deps.log) : source;
}

/** Whether the caller says by a digest what it wants to have: then it gets that one. */
export function isNamedByDigest({ source }: Inputs): boolean {
  return parseNamed(source)?.digest !== undefined;
}

/** A path is relative to the project, as everything else that is read from it. */
export function inWorkspace(
  path: string,
  { workingDirectory }: Pick<Inputs, "workingDirectory">,
  { env }: Pick<Host, "env">,
): string {
  return resolve(env.GITHUB_WORKSPACE ?? ".", workingDirectory, path);
}

function dropsAttestations(inputs: Inputs, { push, inCluster }: LocalRegistry): boolean {
  const { attestations, target } = inputs;
  if (attestations !== "auto") return attestations === "drop";
  const isInCluster =
    target.kind === "containerd" || (target.kind === "registry" && (isLoopback(push) || inCluster !== undefined));
  return isInCluster && !isNamedByDigest(inputs);
}

async function locate(inputs: Inputs, deps: Deps): Promise<string> {
  const path = inWorkspace(inputs.source, inputs, deps);
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere ? path : inputs.source;
}
