import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { SecretFile } from "../../lib/engine/test-pod.ts";
import { InputError } from "../../lib/error.ts";
import type { Inputs } from "./inputs.ts";

/** As much as a Secret may hold, less what else is in it. */
const limitBytes = 900_000;

/** Reads the files that `volumes` names; throws InputError for one that cannot be read, or when they are too large for a Secret. */
export async function readSecretFiles({
  files,
  workingDirectory,
}: Pick<Inputs, "files" | "workingDirectory">): Promise<readonly SecretFile[]> {
  const read = files.map(async ({ source, mountPath }) => ({
    mountPath,
    content: await readSource(resolve(workingDirectory, source)),
  }));
  const found = await Promise.all(read);
  const sizeBytes = found.reduce((sum, { content }) => sum + content.length, 0);
  if (sizeBytes > limitBytes)
    throw new InputError("volumes", `${sizeBytes} bytes of files`, `${limitBytes} bytes in all`);
  return found;
}

async function readSource(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new InputError("volumes", path, "files that can be read", error instanceof Error ? error.message : "");
  }
}
