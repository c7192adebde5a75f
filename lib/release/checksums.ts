import { writeFile } from "node:fs/promises";
import { readAssetFile } from "./asset-file.ts";
import type { AssetFile } from "./release-host.ts";

/** Name of the asset that holds the SHA-256 of all others. */
export const checksumsName = "SHA256SUMS";

/** Hex digests by asset name. */
export type Checksums = ReadonlyMap<string, string>;

/** The text that `sha256sum --check` reads, sorted by name. */
export function formatChecksums(checksums: Checksums): string {
  const names = [...checksums.keys()].sort();
  return names.map((name) => `${checksums.get(name)}  ${name}\n`).join("");
}

/** Reads what formatChecksums or `sha256sum` wrote; lines of another shape are left out. */
export function parseChecksums(text: string): Checksums {
  const lines = text.matchAll(/^([0-9a-f]{64}) [ *](.+?)\r?$/gm);
  return new Map([...lines].map((match) => [match[2] ?? "", match[1] ?? ""]));
}

/**
 * Writes SHA256SUMS: these files, and what an earlier run had listed and this one does not have, for several jobs may
 * add to one release.
 */
export async function writeChecksums(
  path: string,
  files: readonly AssetFile[],
  earlier: Checksums = new Map(),
): Promise<AssetFile> {
  const own = files.map((file): [string, string] => [file.name, file.digest.replace("sha256:", "")]);
  await writeFile(path, formatChecksums(new Map([...earlier, ...own])));
  return readAssetFile(path);
}
