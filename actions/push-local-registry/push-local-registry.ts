import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { InputError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { chooseRegistry, type LocalRegistry } from "../../lib/kubernetes/local-registry.ts";
import { isEngineImage } from "../../lib/oci/engine-source.ts";
import { openImageSource } from "../../lib/oci/image-source.ts";
import { pushImage } from "../../lib/oci/push-image.ts";
import { parseNamed } from "../../lib/oci/reference.ts";
import { openRegistry, type RegistryClient } from "../../lib/oci/registry-client.ts";
import { requireRegistry } from "../../lib/oci/require-registry.ts";
import type { ImageSource } from "../../lib/oci/source.ts";
import { verifyPushed } from "../../lib/oci/verify-image.ts";
import { formatSize } from "../../lib/size.ts";
import type { Inputs } from "./inputs.ts";
import type { Outputs } from "./outputs.ts";
import { openPullProver } from "./pull-prover.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "tempDirectory" | "run" | "now">;

/** Brings an image into the cluster's registry, sends only what is missing there, proves that it is whole, and names it for each of its users. */
export async function pushLocalRegistry(inputs: Inputs, deps: Deps): Promise<Outputs> {
  const registry = await chooseRegistry({ ...inputs, ...deps });
  using pullProver = inputs.verifyPull === "node" ? await openPullProver(inputs, deps) : undefined;
  using client = openTarget(registry.push, inputs, deps);
  // Saving an image out of an engine's store takes minutes and its size on the disk: not for a registry that is not there.
  if (isEngineImage(inputs.source)) await requireRegistry(client);

  await using source = await openSource(inputs, registry, deps);
  const repository = chooseRepository(inputs, source);
  const pushed = await deps.log.group(`Push ${source.description} to ${registry.push}/${repository}`, () =>
    pushImage({
      source,
      client,
      repository,
      tags: inputs.target.tags,
      parallel: inputs.parallel,
      checkBlobs: inputs.verify !== "none",
      log: deps.log,
    }),
  );
  const verified = await verifyPushed(client, repository, pushed.digest, inputs.verify);

  const nameFor = (host: string) => `${host}/${repository}@${pushed.digest}`;
  deps.log.info(
    `${nameFor(registry.push)}: ${formatSize(pushed.pushedBytes)} sent, ${formatSize(pushed.skippedBytes)} were there; verified: ${verified}.`,
  );
  await pullProver?.prove({ image: nameFor(registry.pull), registry, scheme: client.scheme });
  return {
    registry: registry.push,
    pushRef: nameFor(registry.push),
    pullRef: nameFor(registry.pull),
    inClusterRef: registry.inCluster === undefined ? undefined : nameFor(registry.inCluster),
    ...pushed,
    verified,
  };
}

function openTarget(registry: string, inputs: Inputs, deps: Deps): RegistryClient {
  const { username, password, tlsVerify } = inputs;
  return openRegistry({ registry, username, password, tlsVerify, ...deps });
}

async function openSource(inputs: Inputs, registry: LocalRegistry, deps: Deps): Promise<ImageSource> {
  const names: readonly (string | undefined)[] = [registry.push, registry.pull, registry.inCluster, undefined];
  return openImageSource({
    source: await locate(inputs, deps),
    registryOf: (name) =>
      // Credentials of the target are not shown to another registry.
      names.includes(name)
        ? openTarget(registry.push, inputs, deps)
        : openRegistry({ registry: name ?? registry.push, ...deps }),
    deps,
  });
}

// A path is relative to the project, as everything else that is read from it.
async function locate({ source, workingDirectory }: Inputs, { env }: Deps): Promise<string> {
  const path = resolve(env.GITHUB_WORKSPACE ?? ".", workingDirectory, source);
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  return isThere ? path : source;
}

function chooseRepository(inputs: Inputs, source: ImageSource): string {
  const repository = inputs.target.repository ?? parseNamed(source.name ?? "")?.repository;
  if (repository !== undefined) return repository;
  throw new InputError("image", "", `a repository such as acme/base, because ${source.description} does not name one`);
}
