import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Exec } from "../../lib/exec.ts";
import { makeDebianBase } from "../../lib/image/debootstrap.ts";
import { type Log, silentLog } from "../../lib/log.ts";
import { openImageSource } from "../../lib/oci/image-source.ts";
import { pushImage } from "../../lib/oci/push-image.ts";
import { openRegistry, type RegistryClient } from "../../lib/oci/registry-client.ts";

const hub = "registry-1.docker.io";
const repository = "library/debian";
const suite = "bookworm";
const tag = `${suite}-slim`;
// Bytes that do not depend on the day they are made: 2023-06-10, the release of bookworm.
const epochSeconds = 1_686_355_200;

/** Where a parent image goes, and what makes it. */
export interface ParentOptions {
  /** The demo's registry. */
  readonly registry: string;
  /** Folder of the demo's files. */
  readonly folder: string;
  readonly tempDirectory: string;
  readonly exec: Exec;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Whether a public registry answers, within 5 s. */
export async function publicRegistryAnswers(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<boolean> {
  const deadlines = { connectMs: 5000, progressMs: 5000, responseMs: 5000 };
  using client = openRegistry({ registry: hub, env, log: silentLog, signal, deadlines, retry: onceOnly });
  try {
    return (await client.ping()) !== "absent";
  } catch {
    signal.throwIfAborted();
    return false;
  }
}

/** Whether the demo's registry has a parent image that an earlier run made. */
export async function hasParentImage(options: Pick<ParentOptions, "registry" | "env" | "signal">): Promise<boolean> {
  using client = openRegistry({ ...options, log: silentLog });
  return (await client.headManifest(repository, tag)) !== undefined;
}

/**
 * Makes the parent of the example's base image from Debian's packages, for a machine that reaches no public registry. Throws DomainError
 * when debootstrap is missing or fails.
 */
export async function makeParentImage(options: ParentOptions): Promise<string> {
  const { tempDirectory, log } = options;
  const layout = join(tempDirectory, "parent-layout");
  await makeDebianBase({ ...options, suite, workDirectory: join(tempDirectory, "parent"), layout, tag, epochSeconds });
  const registryOf = (): RegistryClient => {
    throw new Error("A layout is read without a registry.");
  };
  await using source = await openImageSource({ source: layout, registryOf, deps: options });
  using client = openRegistry(options);
  const { digest } = await pushImage({ source, client, repository, tags: [tag], parallel: 3, log });
  return digest;
}

/**
 * Makes the demo's registry a mirror of Docker Hub for the builder, so that `FROM debian:bookworm-slim` finds the parent there while the
 * example's Dockerfile stays as a user would write it. Changes `env` only, never the machine's configuration.
 */
export async function mirrorHub({
  registry,
  folder,
  env,
}: Pick<ParentOptions, "registry" | "folder" | "env">): Promise<void> {
  const file = join(folder, "registries.conf");
  const lines = [
    'unqualified-search-registries = ["docker.io"]',
    "[[registry]]",
    'location = "docker.io"',
    "[[registry.mirror]]",
    `location = ${JSON.stringify(registry)}`,
    "insecure = true",
    "[[registry]]",
    `location = ${JSON.stringify(registry)}`,
    "insecure = true",
    "",
  ];
  await writeFile(file, lines.join("\n"));
  env.CONTAINERS_REGISTRIES_CONF = file;
  env.REGISTRIES_CONFIG_PATH = file;
}

const onceOnly = { attempts: 1, baseMs: 0, maxMs: 0 } as const;
