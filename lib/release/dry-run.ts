import { constants } from "node:fs";
import { copyFile, mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DomainError } from "../error.ts";
import type { AssetFile, ReleaseFields } from "./release-host.ts";

/** Name of the folder that a dry run writes. */
export const dryRunFolder = "gpu-ci-release";

/**
 * Writes what a release would hold into a folder: its assets, `notes.md` and `release.json`. A folder of an earlier dry run is
 * replaced; throws DomainError `folder-in-use` for any other that is not empty.
 */
export async function writeDryRun(folder: string, fields: ReleaseFields, files: readonly AssetFile[]): Promise<void> {
  const present = await readdir(folder).catch((): string[] => []);
  if (present.length > 0 && !present.includes("release.json")) {
    throw new DomainError("folder-in-use", `${folder} is not empty and not of a dry run.`, { hint: "Move it away." });
  }
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const file of files) await copyFile(file.path, join(folder, file.name), constants.COPYFILE_FICLONE);
  await writeFile(join(folder, "notes.md"), `${fields.body}\n`);
  const { body: _body, ...rest } = fields;
  const assets = files.map(({ name, sizeBytes, digest }) => ({ name, sizeBytes, digest }));
  await writeFile(join(folder, "release.json"), `${JSON.stringify({ ...rest, assets }, undefined, 2)}\n`);
}
