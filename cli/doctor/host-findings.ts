import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { formatSize } from "../../lib/size.ts";
import type { Examination } from "./examination.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { versionOf } from "./program-version.ts";
import { refreshHoldFindings } from "./refresh-hold-findings.ts";

const neededBytes = 2e9;
const comfortableBytes = 20e9;

/** Node, git, disk space, and whether the snap of microk8s is left in peace. */
export async function hostFindings(examination: Examination): Promise<readonly Finding[]> {
  const { exec } = examination;
  const [git, disks, hold] = await Promise.all([
    versionOf(exec, "git", ["--version"]),
    Promise.all([...new Set(["/var/tmp", tmpdir()])].map(diskFinding)),
    refreshHoldFindings(examination),
  ]);
  const gitSubject: Subject = { group: "host", topic: "git" };
  return [
    ok({ group: "host", topic: "node" }, `${process.versions.node} (${process.execPath})`),
    git === undefined
      ? problem(gitSubject, "missing", { code: "git-missing", found: "not found", remedy: "apt-get install -y git" })
      : ok(gitSubject, git),
    ...disks,
    ...hold,
  ];
}

async function diskFinding(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: 0, bsize: 0 }));
  return judgeDisk({ group: "host", topic: "disk space" }, folder, bavail * bsize);
}

/** Whether the space that is free in a folder is enough for images: a CUDA base image and its layers need up to 20 GB. */
export function judgeDisk(subject: Subject, folder: string, freeBytes: number): Finding {
  const found = `${formatSize(freeBytes)} free in ${folder}`;
  if (freeBytes >= comfortableBytes) return ok(subject, found);
  return problem(subject, freeBytes < neededBytes ? "missing" : "limited", {
    code: "disk-full",
    found,
    cause: "a CUDA base image and its layers need up to 20 GB",
    remedy: "Free space: df -h, podman system prune, buildah rmi --prune.",
  });
}
