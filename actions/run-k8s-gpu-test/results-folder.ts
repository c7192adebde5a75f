import { mkdir, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { glob } from "tinyglobby";

/** Where one run leaves its files: `<working-directory>/gpu-ci-results/<job name>/`. */
export interface ResultsFolder {
  readonly logFile: string;
  readonly reportFile: string;
  /** Files that came back from the container, in their relative paths. */
  readonly artifacts: string;
}

/** Makes the folder anew. Git is told to ignore it, so that a test leaves the working tree as clean as it was. */
export async function createResultsFolder(workingDirectory: string, name: string): Promise<ResultsFolder> {
  const parent = resolve(workingDirectory, "gpu-ci-results");
  const folder = join(parent, name);
  const artifacts = join(folder, "artifacts");
  await rm(folder, { recursive: true, force: true });
  await mkdir(artifacts, { recursive: true });
  await writeFile(join(parent, ".gitignore"), "*\n");
  return { logFile: join(folder, "test.log"), reportFile: join(folder, "report.json"), artifacts };
}

/** The files that came back and that one of the patterns of `results` means, as absolute paths in order. */
export async function findResultFiles(artifacts: string, patterns: readonly string[]): Promise<string[]> {
  if (patterns.length === 0) return [];
  // A path of the container's root lies below the folder as any other.
  const relative = patterns.map((pattern) => pattern.replace(/^\/+(gpu-ci\/out\/)?/, ""));
  const found = await glob(relative, { cwd: artifacts, absolute: true, dot: true, followSymbolicLinks: false });
  return found.toSorted();
}
