import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Reads state.json of an output folder; empty when there is none that can be read. */
export async function readState(folder: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return JSON.parse(await readFile(join(folder, "state.json"), "utf8")) as Record<string, unknown>;
  } catch {
    return {};
  }
}

/** Writes state.json of an output folder at once: it is never seen half-written. */
export async function writeState(folder: string, state: Readonly<Record<string, unknown>>): Promise<void> {
  const file = join(folder, "state.json");
  await writeFile(
    `${file}.new`,
    `${JSON.stringify({ schema: 1, ...state }, undefined, 2)}
`,
  );
  await rename(`${file}.new`, file);
}
