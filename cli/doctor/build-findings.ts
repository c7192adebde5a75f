import type { Exec } from "../../lib/exec.ts";
import { type Finding, ok, problem } from "./finding.ts";
import { versionOf } from "./program-version.ts";

const builders = [
  ["buildx", "docker", ["buildx", "version"]],
  ["buildkit", "buildctl", ["--version"]],
  ["buildah", "buildah", ["--version"]],
] as const;

/** What builds a base image, and whether missing packages can be installed. */
export async function buildFindings(exec: Exec): Promise<readonly Finding[]> {
  const versions = await Promise.all(
    builders.map(async ([name, program, args]) => ({ name, version: await versionOf(exec, program, args) })),
  );
  const there = versions.filter(({ version }) => version !== undefined);
  const builder =
    there.length === 0
      ? problem("missing", "builder", "neither buildah, BuildKit nor docker buildx", "apt-get install -y buildah")
      : ok("builder", there.map(({ name, version }) => `${name}: ${version}`).join("; "));
  const debootstrap = await versionOf(exec, "debootstrap", ["--version"]);
  return [
    builder,
    debootstrap === undefined
      ? problem(
          "absent",
          "debootstrap",
          "not found",
          "apt-get install -y debootstrap, where no public registry can be reached for a parent image.",
        )
      : ok("debootstrap", debootstrap),
    await packagesFinding(exec),
  ];
}

async function packagesFinding(exec: Exec): Promise<Finding> {
  const apt = await versionOf(exec, "apt-get", ["--version"]);
  if (apt === undefined) {
    return problem(
      "limited",
      "packages",
      "no apt-get",
      "Install buildah, podman, runc and git by this system's package manager.",
    );
  }
  if (process.getuid?.() === 0) return ok("packages", "apt-get as root");
  const { exitCode } = await exec("sudo", ["-n", "true"], { ignoreExitCode: true }).catch(() => ({ exitCode: 1 }));
  if (exitCode === 0) return ok("packages", "apt-get by sudo without a password");
  return problem(
    "limited",
    "packages",
    "neither root nor sudo without a password",
    "Run the apt-get lines above as root.",
  );
}
