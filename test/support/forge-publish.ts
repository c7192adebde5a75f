import { cpSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { release } from "../../scripts/release.ts";
import { type Forge, pushFolder, remoteOf } from "./forge.ts";
import { actionNames, projectFiles, root } from "./house.ts";

/** Copies the files that git tracks or would track below a folder of this repository to another place. */
export function copyProject(to: string, below = ""): void {
  for (const file of projectFiles(new RegExp(`^${below}`))) {
    // A link would lead out of the copy: what is done to the copy would be done to the place it points at.
    if (!lstatSync(join(root, file)).isFile())
      throw new Error(`${file} is not a plain file; the repository holds no others.`);
    copy(join(root, file), join(to, file.slice(below.length)));
  }
}

/** Copies the bundles of all actions, which git does not track. */
export function copyBundles(to: string): void {
  for (const name of actionNames()) copy(join(root, "actions", name, "dist"), join(to, "actions", name, "dist"));
}

/** Writes the reusable workflows with references that a forge or act understands. */
export async function writeWorkflows(self: string, out: string): Promise<void> {
  await exec(process.execPath, [join(root, "scripts/workflows.ts"), "--self", self, "--out", out]);
}

/** What to publish where. */
export interface PublishOptions {
  readonly forge: Forge;
  /** An empty folder for the clone that is published. */
  readonly folder: string;
  readonly repository: string;
  readonly version: string;
}

/**
 * Publishes this repository on the forge as users get it: main without bundles, and scripts/release.ts's commit with them at the tag.
 * Only the references of its workflows are rewritten, because the forge does not know `$/`.
 */
export async function publishRepository({ forge, folder, repository, version }: PublishOptions): Promise<void> {
  copyProject(folder);
  // Our own CI must not start there: it would start this test again.
  rmSync(join(folder, ".github/workflows"), { recursive: true });
  await writeWorkflows(`${repository}@v${version}`, join(folder, ".github/workflows"));
  await pushFolder(forge, folder, repository);
  copyBundles(folder);
  const remote = remoteOf(forge, repository);
  release({ directory: folder, version, remote, branch: "main", dryRun: false, env: process.env });
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}
