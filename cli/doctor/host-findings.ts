import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import type { Exec } from "../../lib/exec.ts";
import { formatSize } from "../../lib/size.ts";
import { type Finding, ok, problem } from "./finding.ts";
import { versionOf } from "./program-version.ts";

const neededBytes = 2e9;
const comfortableBytes = 20e9;

/** Node, git and disk space. */
export async function hostFindings(exec: Exec): Promise<readonly Finding[]> {
  const git = await versionOf(exec, "git", ["--version"]);
  return [
    ok("node", `${process.versions.node} (${process.execPath})`),
    git === undefined ? problem("missing", "git", "not found", "apt-get install -y git") : ok("git", git),
    ...(await Promise.all([diskFinding("/var/tmp"), diskFinding(tmpdir())])),
  ];
}

async function diskFinding(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }));
  const freeBytes = bavail * bsize;
  const found = `${formatSize(freeBytes)} free in ${folder}`;
  const remedy =
    "Free space: a CUDA base image and its layers need up to 20 GB. podman system prune, buildah rmi --prune, df -h.";
  if (freeBytes < neededBytes) return problem("missing", "disk space", found, remedy);
  return freeBytes < comfortableBytes ? problem("limited", "disk space", found, remedy) : ok("disk space", found);
}
