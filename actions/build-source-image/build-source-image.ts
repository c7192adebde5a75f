import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { DomainError } from "../../lib/error.ts";
import type { GitTree, TreeFile } from "../../lib/git/git-tree.ts";
import type { GitContext } from "../../lib/git/run-git.ts";
import { type SecretFile, watchForSecrets } from "../../lib/git/secret-files.ts";
import { openTree } from "../../lib/git/tree.ts";
import { selectTreeFiles } from "../../lib/git/tree-selection.ts";
import { describeSizes } from "../../lib/git/tree-sizes.ts";
import { describeSource } from "../../lib/git/tree-source.ts";
import type { Host } from "../../lib/host.ts";
import { createPathMatcher } from "../../lib/image/path-pattern.ts";
import type { LocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import { chooseRegistry } from "../../lib/kubernetes/local-registry.ts";
import type { Log } from "../../lib/log.ts";
import { appendLayer, type BaseImage } from "../../lib/oci/append-layer.ts";
import { numericUser, readPlatformImage } from "../../lib/oci/image-config.ts";
import { pushImage } from "../../lib/oci/push-image.ts";
import { openRegistry, type RegistryClient } from "../../lib/oci/registry-client.ts";
import { type LayerOptions, type WrittenLayer, writeLayer } from "../../lib/oci/write-layer.ts";
import { formatSize } from "../../lib/size.ts";
import { stampSeconds } from "../../lib/version/stamp.ts";
import type { Inputs } from "./inputs.ts";
import type { Outputs } from "./outputs.ts";

type Deps = Pick<Host, "exec" | "env" | "log" | "signal" | "tempDirectory">;

/** Appends the files of a commit or worktree to a base image in the registry; whatever was built before is not sent again. */
export async function buildSourceImage(inputs: Inputs, deps: Deps): Promise<Outputs> {
  const { log, env, tempDirectory } = deps;
  const directory = resolve(env.GITHUB_WORKSPACE ?? ".", inputs.workingDirectory);
  const context: GitContext = { exec: deps.exec, directory, env, signal: deps.signal };
  const [tree, registry] = await Promise.all([
    openTree(context, inputs.ref, inputs),
    chooseRegistry({ ...inputs, ...deps }),
  ]);
  const files = await selectTreeFiles(tree, { createMatcher: createPathMatcher, log });
  using client = openTarget(registry.push, inputs, deps);
  using baseClient = openBaseRegistry(registry, inputs, deps);
  const base = await readBase(baseClient, inputs);

  await using folder = await temporaryFolder(tempDirectory);
  const file = join(folder.path, "layer.tar");
  const { targetDirectory } = inputs;
  const mtimeSeconds = stampSeconds(env, tree.commitTime);
  const owner = inputs.owner ?? ownerOf(base);
  const layer = await writeSources(tree, files, { file, targetDirectory, owner, mtimeSeconds }, log);

  const config = await configOf(inputs, tree, context);
  const source = appendLayer(base, { ...config, layer, file, createdAt: new Date(mtimeSeconds * 1000) });
  const repository = inputs.target.repository ?? `${inputs.base.repository}-source`;
  const { digest } = await pushImage({ source, client, repository, tags: inputs.target.tags, parallel: 3, log });

  const image = `${registry.push}/${repository}@${digest}`;
  log.info(`Source image: ${image}`);
  return {
    image,
    pullRef: `${registry.pull}/${repository}@${digest}`,
    digest,
    layerDigest: layer.digest,
    layerSizeBytes: layer.size,
    files: files.length,
    revision: tree.revision,
  };
}

async function writeSources(
  tree: GitTree,
  files: readonly TreeFile[],
  options: Omit<LayerOptions, "contents">,
  log: Log,
): Promise<WrittenLayer> {
  const secrets: SecretFile[] = [];
  const contents = watchForSecrets(tree.contents(files), (found) => secrets.push(found));
  const layer = await writeLayer({ ...options, contents });
  log.info(`${files.length} files of ${tree.revision}: layer ${layer.digest}, ${formatSize(layer.size)}.`);
  log.info(`Largest: ${describeSizes(files)}.`);
  warnOfSecrets(secrets, log);
  return layer;
}

/** Whoever may pull the image may read them, also when a later layer removes them. */
function warnOfSecrets(secrets: readonly SecretFile[], log: Log): void {
  if (secrets.length === 0) return;
  const named = secrets.slice(0, 10).map(({ path, why }) => `${path} (${why})`);
  const more = secrets.length > named.length ? ` and ${secrets.length - named.length} more` : "";
  log.warning(
    `These files look like secrets and are in the image: ${named.join(", ")}${more}. Name them in .dockerignore.`,
  );
}

async function configOf(inputs: Inputs, tree: GitTree, context: GitContext) {
  const labels = {
    "org.opencontainers.image.revision": tree.revision,
    ...(await describeSource(context)),
    ...versionLabel(inputs.target.tags),
    ...inputs.labels,
  };
  return {
    workingDirectory: inputs.targetDirectory,
    env: inputs.env,
    entrypoint: inputs.entrypoint.length > 0 ? inputs.entrypoint : undefined,
    labels,
    createdBy: `gpu-ci build-source-image ${tree.revision}`,
  };
}

function openTarget(registry: string, inputs: Inputs, deps: Deps): RegistryClient {
  const { username, password, tlsVerify } = inputs;
  return openRegistry({ registry, username, password, tlsVerify, ...deps });
}

/** The base may lie in another registry: the credentials of the target are not shown to it. */
function openBaseRegistry({ push, pull, inCluster }: LocalRegistry, inputs: Inputs, deps: Deps): RegistryClient {
  const { registry } = inputs.base;
  const isTarget = registry === undefined || [push, pull, inCluster].includes(registry);
  return isTarget ? openTarget(push, inputs, deps) : openRegistry({ registry, tlsVerify: inputs.tlsVerify, ...deps });
}

async function readBase(client: RegistryClient, inputs: Inputs): Promise<BaseImage> {
  const { repository, reference } = inputs.base;
  return { client, repository, image: await readPlatformImage(client, repository, reference) };
}

function ownerOf({ image, repository }: BaseImage): { uid: number; gid: number } {
  const user = image.config.config?.User ?? "";
  const owner = numericUser(user);
  if (owner) return owner;
  throw new DomainError(
    "owner-unknown",
    `The user of base image ${repository} is the name ${JSON.stringify(user)}, whose number only its files tell.`,
    {
      hint: "Set owner to uid:gid, for instance 1000:1000.",
    },
  );
}

// By convention the first tag is the version, the second one that of the branch (interfaces.md 3).
function versionLabel([version]: readonly string[]): Readonly<Record<string, string>> {
  return version === undefined ? {} : { "org.opencontainers.image.version": version };
}

async function temporaryFolder(parent: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(parent, "source-image-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
