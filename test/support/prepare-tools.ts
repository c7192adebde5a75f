import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { ensureTools, type Tool } from "../../scripts/tools.ts";
import { root } from "./house.ts";

/** Longest time that building tools may take on a new and busy machine, in milliseconds. */
export const prepareTimeoutMs = 1_200_000;

/** Installs tools that take minutes to build, once for all test files that ask at the same time. Call it in a hook with `prepareTimeoutMs`. */
export async function prepareTools(...names: readonly Tool[]): Promise<void> {
  const lock = join(ensureTools([]), "lock");
  await exec("flock", [lock, process.execPath, join(root, "scripts/tools.ts"), ...names]);
}
