import type { Examination } from "./examination.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { versionOf } from "./program-version.ts";

const builders = [
  ["buildx", "docker", ["buildx", "version"]],
  ["buildkit", "buildctl", ["--version"]],
  ["buildah", "buildah", ["--version"]],
] as const;

/** What builds a base image, and whether missing packages can be installed. */
export async function buildFindings({ exec }: Examination): Promise<readonly Finding[]> {
  const [versions, debootstrap, packages] = await Promise.all([
    Promise.all(
      builders.map(async ([name, program, args]) => ({ name, version: await versionOf(exec, program, args) })),
    ),
    versionOf(exec, "debootstrap", ["--version"]),
    packagesFinding(exec),
  ]);
  const there = versions.filter(({ version }) => version !== undefined);
  const builder: Subject = { group: "builder", topic: "builder" };
  const parents: Subject = { group: "builder", topic: "debootstrap" };
  return [
    there.length > 0
      ? ok(builder, there.map(({ name, version }) => `${name}: ${version}`).join("; "))
      : problem(builder, "missing", {
          code: "builder-missing",
          found: "neither buildah, BuildKit nor docker buildx",
          remedy: "apt-get install -y buildah",
        }),
    debootstrap !== undefined
      ? ok(parents, debootstrap)
      : problem(parents, "absent", {
          code: "debootstrap-missing",
          found: "not found",
          remedy: "apt-get install -y debootstrap, where no public registry can be reached for a parent image.",
        }),
    packages,
  ];
}

async function packagesFinding(exec: Examination["exec"]): Promise<Finding> {
  const subject: Subject = { group: "builder", topic: "packages" };
  if ((await versionOf(exec, "apt-get", ["--version"])) === undefined) {
    return problem(subject, "limited", {
      code: "apt-missing",
      found: "no apt-get",
      remedy: "Install buildah, podman, runc and git by this system's package manager.",
    });
  }
  if (process.getuid?.() === 0) return ok(subject, "apt-get as root");
  if ((await versionOf(exec, "sudo", ["-n", "true"])) !== undefined) {
    return ok(subject, "apt-get by sudo without a password");
  }
  return problem(subject, "limited", {
    code: "not-root",
    found: "neither root nor sudo without a password",
    remedy: "Run the apt-get lines above as root.",
  });
}
