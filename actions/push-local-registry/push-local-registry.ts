import { InputError } from "../../lib/error.ts";
import type { Host } from "../../lib/host.ts";
import { cacheDirectory } from "../../lib/image/cache-directory.ts";
import type { LocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import { chooseRegistry } from "../../lib/kubernetes/local-registry.ts";
import { openCompressedLayers } from "../../lib/oci/compressed-layers.ts";
import { replaceBlob } from "../../lib/oci/damaged-blob.ts";
import { isEngineImage } from "../../lib/oci/engine-name.ts";
import { isPublicRegistry } from "../../lib/oci/public-registry.ts";
import { pushCompressed } from "../../lib/oci/push-compressed.ts";
import { parseNamed } from "../../lib/oci/reference.ts";
import { openRegistry, type RegistryClient } from "../../lib/oci/registry-client.ts";
import { requireRegistry } from "../../lib/oci/require-registry.ts";
import type { ImageSource } from "../../lib/oci/source.ts";
import { verifyPushed } from "../../lib/oci/verify-image.ts";
import { formatSize } from "../../lib/size.ts";
import { isNamedByDigest, openImageToPush } from "./image-to-push.ts";
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
  if (inputs.target.kind === "registry" && isEngineImage(inputs.source)) await requireRegistry(client);

  const openSame = () => openTarget(registry.push, inputs, deps);
  await using source = await openImageToPush(inputs, { registry, openSame }, deps);
  const repository = chooseRepository(inputs, source);
  if (inputs.target.kind !== "registry") {
    const { deliverImage } = await import("./deliver-image.ts");
    return deliverImage(source, `${registry.pull}/${repository}`, inputs, deps);
  }
  const outputs = await push(source, { registry, client, repository }, { inputs, deps });
  await pullProver?.prove({ image: outputs.pullRef, registry, scheme: client.scheme });
  return outputs;
}

interface Place {
  readonly registry: LocalRegistry;
  readonly client: RegistryClient;
  readonly repository: string;
}
interface Context {
  readonly inputs: Inputs;
  readonly deps: Deps;
}

async function push(source: ImageSource, place: Place, { inputs, deps }: Context): Promise<Outputs> {
  const { registry, client, repository } = place;
  const { parallel, verify, name, compression } = inputs;
  const { log, env } = deps;
  const { image, ...pushed } = await log.group(
    `Push ${source.description} to ${registry.push}/${repository}`,
    async () =>
      pushCompressed({
        source,
        client,
        repository,
        tags: name.tags,
        parallel,
        checkBlobs: verify !== "none",
        compression: compression === "auto" && isNamedByDigest(inputs) ? "none" : compression,
        known: await openCompressedLayers(cacheDirectory(env)),
        isPublic: async () => registry.inCluster === undefined && isPublicRegistry(registry.push),
        log,
      }),
  );
  const verified = await verifyPushed(client, repository, pushed.digest, verify, {
    repair: (blob) => replaceBlob({ client, repository, blob }, image),
  });
  const nameFor = (host: string) => `${host}/${repository}@${pushed.digest}`;
  log.info(
    `${nameFor(registry.push)}: ${formatSize(pushed.pushedBytes)} sent, ${formatSize(pushed.skippedBytes)} were there; verified: ${verified}.`,
  );
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

function chooseRepository(inputs: Inputs, source: ImageSource): string {
  const repository = inputs.name.repository ?? parseNamed(source.name ?? "")?.repository;
  if (repository !== undefined) return repository;
  throw new InputError("image", "", `a repository such as acme/base, because ${source.description} does not name one`);
}
