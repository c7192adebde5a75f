import { createHash } from "node:crypto";
import type { BigIntStats } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { cacheDirectory } from "./cache-directory.ts";

/** Digests of files that were read before, kept between runs, so that gigabytes that did not change are not read again. */
export interface DigestCache {
  /** The digest of a file that is the same by its inode, size and times; undefined when it has to be read. */
  find(stat: BigIntStats): string | undefined;
  /** Keeps the digest of a file that was just read; `stat` is from before the reading. */
  keep(stat: BigIntStats, sha256: string): void;
  /** Writes what this run has seen, and forgets the rest. A folder that cannot be written costs the next run time, nothing else. */
  save(): Promise<void>;
}

const version = "gpu-ci digests 1";

/**
 * A file that changed this short a time before the cache was opened, or later, may change again within the clock's step and look the same (git calls such an
 * entry "racily clean"): it is not kept.
 */
const racyNs = 2_000_000_000n;

/** Opens the digests kept for one folder. What is kept is only ever a shortcut: a damaged or foreign cache file counts as empty. */
export async function openDigestCache(
  directory: string,
  env: NodeJS.ProcessEnv,
  nowMs = Date.now(),
): Promise<DigestCache> {
  const name = createHash("sha256").update(directory).digest("hex").slice(0, 32);
  const file = join(cacheDirectory(env), "digests", `${name}.json`);
  const known = await readEntries(file);
  const seen = new Map<string, string>();
  const isKnown = () => seen.size === known.size && [...seen.keys()].every((key) => known.has(key));
  return {
    find: (stat) => {
      const key = keyOf(stat);
      const digest = known.get(key);
      if (digest !== undefined) seen.set(key, digest);
      return digest;
    },
    keep: (stat, sha256) => {
      if (BigInt(nowMs) * 1_000_000n - stat.ctimeNs > racyNs) seen.set(keyOf(stat), sha256);
    },
    save: async () => {
      if (!isKnown()) await writeEntries(file, seen).catch(() => {});
    },
  };
}

/** ctime moves with every write, also where a program sets the times back (tar, rsync, cp -p), and cannot be set itself. */
function keyOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}

async function readEntries(file: string): Promise<ReadonlyMap<string, string>> {
  try {
    const content = JSON.parse(await readFile(file, "utf8"));
    return new Map(content.version === version ? Object.entries<string>(content.digests) : []);
  } catch {
    return new Map();
  }
}

async function writeEntries(file: string, entries: ReadonlyMap<string, string>): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  await writeFile(temporary, JSON.stringify({ version, digests: Object.fromEntries(entries) }), { mode: 0o600 });
  await rename(temporary, file);
}
