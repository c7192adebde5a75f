import { DomainError } from "../error.ts";
import type { Log } from "../log.ts";
import {
  blobBytes,
  type RegistryStorage,
  recentFile,
  type StorageHost,
  storedRepositories,
} from "./registry-storage.ts";

export interface GarbageOptions {
  readonly storage: RegistryStorage;
  /** What the registry's API lists: the files must be those of the same registry. */
  readonly repositories: readonly string[];
  /** For how long nobody must have written to the registry, in minutes. */
  readonly quietMinutes: number;
  readonly log: Log;
}

const programs = ["registry", "docker-registry"];

/**
 * Runs the registry's own garbage collection, which frees blobs that no manifest names, and gives the bytes that it freed. A push must not
 * run meanwhile, for its blobs have no manifest yet: throws DomainError `registry-busy` when a file was written lately, `storage-mismatch`
 * when the files belong to another registry, `garbage-failed` when the collection fails.
 */
export async function collectGarbage(options: GarbageOptions): Promise<number> {
  const { storage, log } = options;
  await requireSameRegistry(storage, options.repositories);
  const program = await findProgram(storage.host);
  const before = await blobBytes(storage);
  // The last look before it begins: what is written from here on is what the caller verifies afterwards.
  await requireQuiet(options);
  log.info(`Collecting garbage in ${storage.host.description}; nothing may be pushed until it is done.`);
  const { exitCode, stdout, stderr } = await storage.host.run([program, "garbage-collect", storage.configuration]);
  if (exitCode !== 0) {
    const tail = (stderr.trim() || stdout.trim()).split("\n").slice(-3).join("\n");
    throw new DomainError(
      "garbage-failed",
      `Garbage collection in ${storage.host.description} ended with exit code ${exitCode}:\n${tail}`,
      {
        hint: "Nothing that an image needs is deleted before all manifests were read; repair or delete the one it names.",
      },
    );
  }
  return before - (await blobBytes(storage));
}

/** Fails with DomainError `storage-mismatch` unless the files hold just the repositories that the registry's API lists. */
export async function requireSameRegistry(storage: RegistryStorage, repositories: readonly string[]): Promise<void> {
  const stored = await storedRepositories(storage);
  const missing =
    repositories.find((name) => !stored.includes(name)) ?? stored.find((name) => !repositories.includes(name));
  if (missing === undefined) return;
  const where = stored.includes(missing)
    ? "the registry does not list it"
    : `${storage.host.description} has no files of it`;
  throw new DomainError(
    "storage-mismatch",
    `The registry and the files in ${storage.host.description} differ in repository ${missing}: ${where}.`,
    {
      hint: "Name the pod and the configuration file of this very registry.",
    },
  );
}

async function requireQuiet({ storage, quietMinutes }: GarbageOptions): Promise<void> {
  if (quietMinutes === 0) return;
  const file = await recentFile(storage, quietMinutes);
  if (file === undefined) return;
  const what = file.includes("/_uploads/") ? "An upload is in progress" : "Something was pushed";
  throw new DomainError(
    "registry-busy",
    `${what}: ${file} in ${storage.host.description} was written within the last ${quietMinutes} minutes. No garbage was collected.`,
    {
      hint: "Collect it when no push runs; a collection during a push can delete what was just sent.",
      retryable: true,
    },
  );
}

async function findProgram(host: StorageHost): Promise<string> {
  for (const program of programs) {
    const found = await host.run([program, "--version"]).catch(() => undefined);
    if (found?.exitCode === 0) return program;
  }
  throw new DomainError("registry-program-absent", `${host.description} has neither ${programs.join(" nor ")}.`, {
    hint: "Only registries of the distribution project are collected this way.",
  });
}
