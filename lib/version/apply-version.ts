import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import { glob, isDynamicPattern } from "tinyglobby";
import { DomainError, InputError } from "../error.ts";
import type { Log } from "../log.ts";
import { formatVersion, type SemanticVersion } from "./semantic-version.ts";
import { readVersionFile, rewriteVersion, type VersionFile, writeVersion } from "./version-file.ts";

/**
 * Reads the files that a version is to be written into. Throws InputError `apply` for a name or glob without a file, and DomainError
 * `version-missing` for a file that has no place for a version.
 */
export async function readTargets(directory: string, patterns: readonly string[]): Promise<readonly VersionFile[]> {
  const paths = new Set<string>();
  for (const pattern of patterns) {
    const found = isDynamicPattern(pattern)
      ? await glob(pattern, {
          cwd: directory,
          absolute: true,
          ignore: ["**/node_modules/**"],
          expandDirectories: false,
        })
      : [resolve(directory, pattern)].filter((path) => existsSync(path));
    if (found.length === 0) throw new InputError("apply", pattern, `existing files in ${directory}`);
    for (const path of found) paths.add(path);
  }
  const files = [];
  for (const path of [...paths].sort()) files.push(await readTarget(path));
  // Two names of one file, by a link, are one file to write.
  return [...new Map(files.map((file) => [file.realPath, file])).values()];
}

/** Writes the version into those targets that say another one; says what would be written in a dry run. */
export async function applyVersion(
  targets: readonly VersionFile[],
  version: SemanticVersion,
  options: { readonly directory: string; readonly dryRun: boolean; readonly log: Log },
): Promise<void> {
  const stale = targets.filter((file) => rewriteVersion(file, version) !== file.content);
  for (const file of stale) {
    const path = relative(options.directory, file.path);
    options.log.info(
      `${path}: ${formatVersion(file.version)} → ${formatVersion(version)}${options.dryRun ? " (dry run)" : ""}`,
    );
  }
  if (!options.dryRun) await writeVersion(stale, version);
}

/** Throws DomainError `version-drift` that names each target which says another version. */
export function verifyTargets(targets: readonly VersionFile[], version: SemanticVersion, directory: string): void {
  const expected = formatVersion(version);
  const drifted = targets.filter((file) => formatVersion(file.version) !== expected);
  if (drifted.length === 0) return;
  const said = drifted.map((file) => `${relative(directory, file.path)} says ${formatVersion(file.version)}`);
  throw new DomainError("version-drift", `The version is ${expected}, but ${said.join(", ")}.`, {
    hint: "Run `gpu-ci next-version` with the same apply and without verify, and commit what it changes.",
  });
}

async function readTarget(path: string): Promise<VersionFile> {
  const file = await readVersionFile(path);
  if (file) return file;
  throw new DomainError("version-missing", `${path} has no place for a version.`, { hint: "Take it out of apply." });
}
