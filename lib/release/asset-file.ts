import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { glob } from "tinyglobby";
import { InputError } from "../error.ts";
import type { Log } from "../log.ts";
import type { AssetFile } from "./release-host.ts";

// https://docs.github.com/repositories/releasing-projects-on-github/about-releases: each file under 2 GiB, 1000 of them.
const maxSizeBytes = 2 ** 31 - 1;
const maxFiles = 1000;

export interface FindFilesOptions {
  readonly directory: string;
  /** Whether a pattern without a file is an error; a warning otherwise. */
  readonly failOnUnmatched: boolean;
  readonly log: Log;
}

/**
 * Finds the files of the patterns; one that begins with `!` takes files out again. Throws InputError `files` for a pattern without
 * a file, an empty or too large file, and two files of one asset name.
 */
export async function findAssetFiles(
  patterns: readonly string[],
  options: FindFilesOptions,
): Promise<readonly AssetFile[]> {
  const ignore = patterns.filter((pattern) => pattern.startsWith("!")).map((pattern) => pattern.slice(1));
  const paths = new Set<string>();
  for (const pattern of patterns.filter((candidate) => !candidate.startsWith("!"))) {
    const found = await glob(pattern, {
      cwd: options.directory,
      absolute: true,
      dot: true,
      ignore,
      expandDirectories: false,
    });
    if (found.length === 0) reportUnmatched(pattern, options);
    for (const path of found) paths.add(path);
  }
  const files = [];
  for (const path of [...paths].sort()) files.push(await readAssetFile(path));
  refuseDoubles(files);
  if (files.length > maxFiles) throw new InputError("files", String(files.length), `at most ${maxFiles} files`);
  return files;
}

/** Measures and hashes one file. Throws InputError `files` for a size that no release takes. */
export async function readAssetFile(path: string): Promise<AssetFile> {
  const { size } = await stat(path);
  if (size === 0 || size > maxSizeBytes) {
    throw new InputError("files", path, `files of 1 byte to 2 GiB, and this one has ${size} bytes`);
  }
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return { path, name: assetNameOf(path), sizeBytes: size, digest: `sha256:${hash.digest("hex")}` };
}

/**
 * The name that GitHub gives an asset: characters it does not keep become `.`, and a leading `.` gets `default` before it. Made
 * here, so that a re-run finds the asset again and every forge has the same names.
 */
export function assetNameOf(path: string): string {
  const name = basename(path)
    .replace(/\.*[^A-Za-z0-9_.+-][^A-Za-z0-9_+-]*/g, ".")
    .replace(/\.+$/, "");
  return name.startsWith(".") ? `default${name}` : name || "default";
}

function reportUnmatched(pattern: string, { directory, failOnUnmatched, log }: FindFilesOptions): void {
  if (failOnUnmatched)
    throw new InputError("files", pattern, `patterns of files in ${directory}; this one matches none`);
  log.warning(`No file in ${directory} matches ${pattern}.`);
}

function refuseDoubles(files: readonly AssetFile[]): void {
  const byName = new Map<string, AssetFile>();
  for (const file of files) {
    const other = byName.get(file.name);
    if (other) throw new InputError("files", file.path, `one file named ${file.name}, and ${other.path} is another`);
    byName.set(file.name, file);
  }
}
