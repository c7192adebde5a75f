import { createHash } from "node:crypto";
import { cpSync, globSync, lstatSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { release } from "../../scripts/release.ts";
import { callForge, createRepository, type Forge, pushFolder, remoteOf } from "./forge.ts";
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

/** This repository as it was published on the forge. */
export interface PublishedProduct {
  readonly repository: string;
  readonly version: string;
}

/**
 * This repository on the forge as users get it: main without bundles, and scripts/release.ts's commit with them at the tag. Only the
 * references of its workflows are rewritten, because the forge does not know `$/`. The version is made of the content, for the forge keeps
 * what it cloned for a tag; what is published already is used again. `folder` is an empty one for the clone.
 */
export async function providePublished(forge: Forge, folder: string): Promise<PublishedProduct> {
  const [repository, version] = [`${forge.user}/gpu-ci`, `1.0.${contentNumber()}`];
  const known = await callForge(forge, "GET", `/repos/${repository}/tags/v${version}`).catch(() => undefined);
  if (known === undefined) {
    await createRepository(forge, "gpu-ci");
    await publish({ forge, folder, repository, version });
  }
  return { repository, version };
}

interface PublishOptions extends PublishedProduct {
  readonly forge: Forge;
  readonly folder: string;
}

async function publish({ forge, folder, repository, version }: PublishOptions): Promise<void> {
  copyProject(folder);
  // Our own CI must not start there: it would start this test again.
  rmSync(join(folder, ".github/workflows"), { recursive: true });
  await writeWorkflows(`${repository}@v${version}`, join(folder, ".github/workflows"));
  await pushFolder(forge, folder, repository);
  copyBundles(folder);
  const remote = remoteOf(forge, repository);
  release({ directory: folder, version, remote, branch: "main", dryRun: false, env: process.env });
}

// A number of 40 bits over every file that is published.
function contentNumber(): number {
  const hash = createHash("sha256");
  for (const file of [...projectFiles(), ...globSync("actions/*/dist/**/*.*", { cwd: root })].toSorted())
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  return Number.parseInt(hash.digest("hex").slice(0, 10), 16);
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to, { recursive: true });
}
