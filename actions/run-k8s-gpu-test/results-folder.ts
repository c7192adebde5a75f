import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { glob } from "tinyglobby";

/** Where one shard leaves its log and its files. */
export interface ShardFolder {
  readonly logFile: string;
  /** Files that came back from the container, in their relative paths. */
  readonly artifacts: string;
}

/** Where one run leaves its files: `<working-directory>/gpu-ci-results/<job name>/`. Of several shards each has a log and a folder of its own. */
export interface ResultsFolder extends ShardFolder {
  readonly reportFile: string;
  /** The same as a page. */
  readonly pageFile: string;
  readonly shards: readonly ShardFolder[];
}

/** Makes the folder anew. Git is told to ignore it, so that a test leaves the working tree as clean as it was. */
export async function createResultsFolder(
  workingDirectory: string,
  { name, shards }: { readonly name: string; readonly shards: number },
): Promise<ResultsFolder> {
  const parent = resolve(workingDirectory, "gpu-ci-results");
  const folder = join(parent, name);
  const whole = { logFile: join(folder, "test.log"), artifacts: join(folder, "artifacts") };
  const parts = Array.from({ length: shards }, (_, index) => ({
    logFile: join(folder, `test-${index}.log`),
    artifacts: join(whole.artifacts, `shard-${index}`),
  }));
  await rm(folder, { recursive: true, force: true });
  const places = shards === 1 ? [whole] : parts;
  for (const { artifacts } of places) await mkdir(artifacts, { recursive: true });
  await writeFile(join(parent, ".gitignore"), "*\n");
  return { ...whole, reportFile: join(folder, "report.json"), pageFile: join(folder, "report.html"), shards: places };
}

/** Puts the logs of all shards one after another into the run's own log file, each under a line that names it. */
export async function joinLogs({ logFile, shards }: ResultsFolder): Promise<void> {
  if (shards.length === 1) return;
  for (const [index, shard] of shards.entries()) {
    await writeFile(logFile, `===== shard ${index} of ${shards.length} =====\n`, { flag: "a" });
    // A shard that never began has no log.
    await writeFile(shard.logFile, "", { flag: "a" });
    await pipeline(createReadStream(shard.logFile), createWriteStream(logFile, { flags: "a" }));
  }
}

/** The files that came back and that one of the patterns of `results` means, as absolute paths in order. */
export async function findResultFiles(artifacts: string, patterns: readonly string[]): Promise<string[]> {
  if (patterns.length === 0) return [];
  // A path of the container's root lies below the folder as any other.
  const relative = patterns.map((pattern) => pattern.replace(/^\/+(gpu-ci\/out\/)?/, ""));
  const found = await glob(relative, { cwd: artifacts, absolute: true, dot: true, followSymbolicLinks: false });
  return found.toSorted();
}
