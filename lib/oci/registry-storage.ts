import * as v from "valibot";
import { parse } from "yaml";
import { DomainError } from "../error.ts";

/** Runs programs where a registry's files are: in its pod, or on this machine. */
export interface StorageHost {
  /** For messages, for instance `pod container-registry/registry-0`. */
  readonly description: string;
  /** Fails only when the command could not be run at all. */
  run(
    command: readonly string[],
  ): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }>;
}

/** The files of a registry of the distribution project. */
export interface RegistryStorage {
  readonly host: StorageHost;
  /** The registry's configuration file there. */
  readonly configuration: string;
  /** The folder that holds `blobs` and `repositories`. */
  readonly root: string;
  /** Whether it keeps answers about blobs in memory: it must be restarted when blobs went behind its back. */
  readonly isCached: boolean;
}

const configurationSchema = v.looseObject({
  storage: v.looseObject({
    filesystem: v.optional(v.nullable(v.looseObject({ rootdirectory: v.optional(v.string()) }))),
    cache: v.optional(v.nullable(v.looseObject({ blobdescriptor: v.optional(v.nullable(v.string())) }))),
  }),
});

/** Finds the files by the registry's own configuration. Throws DomainError `storage-unreadable` or `storage-unsupported`. */
export async function openStorage(host: StorageHost, configuration: string): Promise<RegistryStorage> {
  const document = v.safeParse(configurationSchema, parse(await read(host, ["cat", configuration])));
  const variables = await read(host, ["env"]);
  const named = /^REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=(.+)$/m.exec(variables)?.[1];
  const storage = document.success ? document.output.storage : undefined;
  const directory =
    named ?? storage?.filesystem?.rootdirectory ?? (storage?.filesystem ? "/var/lib/registry" : undefined);
  if (directory === undefined) {
    throw new DomainError(
      "storage-unsupported",
      `${configuration} in ${host.description} names no folder of the file system as the registry's storage.`,
      { hint: "Garbage of an object store is collected by its owner; prune without --gc." },
    );
  }
  const cache = /^REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR=(.*)$/m.exec(variables)?.[1] ?? storage?.cache?.blobdescriptor;
  return { host, configuration, root: `${directory}/docker/registry/v2`, isCached: Boolean(cache) };
}

/** A manifest as the registry stores it, whether a tag names it or not. */
export interface StoredRevision {
  readonly repository: string;
  readonly digest: string;
  /** When it was last pushed. */
  readonly pushedAt: Date;
}

/** Every manifest of every repository; the registry's API lists only those that tags name. */
export async function storedRevisions({ host, root }: RegistryStorage): Promise<readonly StoredRevision[]> {
  const folder = `${root}/repositories`;
  const links = ["-type", "f", "-path", "*/_manifests/revisions/*/link"];
  const found = await read(host, ["find", folder, ...links, "-exec", "stat", "-c", "%Y %n", "{}", "+"]);
  const pattern = /^(\d+) (.+)\/_manifests\/revisions\/(sha\d+)\/([0-9a-f]+)\/link$/;
  return lines(found).flatMap((line) => {
    const [, seconds, path = "", algorithm, hex] = pattern.exec(line) ?? [];
    if (seconds === undefined) return [];
    const repository = path.slice(folder.length + 1);
    return [{ repository, digest: `${algorithm}:${hex}`, pushedAt: new Date(Number(seconds) * 1000) }];
  });
}

/** Names of the repositories that have files. */
export async function storedRepositories({ host, root }: RegistryStorage): Promise<readonly string[]> {
  const folder = `${root}/repositories`;
  const found = await read(host, ["find", folder, "-type", "d", "-name", "_layers", "-prune"]);
  return lines(found)
    .map((path) => path.slice(folder.length + 1, -"/_layers".length))
    .toSorted();
}

/** A file that was written within the last minutes, relative to the root: an upload, a blob, a tag. Undefined when there is none. */
export async function recentFile({ host, root }: RegistryStorage, minutes: number): Promise<string | undefined> {
  const [first] = lines(await read(host, ["find", root, "-type", "f", "-mmin", `-${minutes}`]));
  return first?.slice(root.length + 1);
}

/** Bytes of all blobs. */
export async function blobBytes({ host, root }: RegistryStorage): Promise<number> {
  const sizes = await read(host, ["find", `${root}/blobs`, "-type", "f", "-exec", "stat", "-c", "%s", "{}", "+"]);
  return lines(sizes).reduce((sum, size) => sum + Number(size), 0);
}

async function read(host: StorageHost, command: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await host.run(command);
  if (exitCode === 0) return stdout;
  const [reason = ""] = stderr.trim().split("\n");
  throw new DomainError(
    "storage-unreadable",
    `The registry's files in ${host.description} cannot be read: ${command[0]} ended with ${exitCode}. ${reason}`.trim(),
    { hint: "Name the registry's own pod and configuration file." },
  );
}

function lines(text: string): readonly string[] {
  return text.split("\n").filter((line) => line !== "");
}
