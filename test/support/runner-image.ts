import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { debianParent } from "./debian-parent.ts";
import { sharedFolder } from "./forge.ts";
import { root } from "./house.ts";

/**
 * An image with the forge's runner, git, this Node and socat, in the test's registry; gives its reference by digest. It is built once and
 * then stays in the registry. Its runner asks for jobs and tells of them several times a second.
 */
export async function pushRunnerImage(registry: string, folder: string): Promise<string> {
  const context = join(folder, "runner-image");
  mkdirSync(context, { recursive: true });
  const { stdout } = await exec(join(sharedFolder(), "forge/build"), []);
  copyFileSync(join(stdout.trim(), "runner"), join(context, "gitea-runner"));
  copyFileSync(process.execPath, join(context, "node"));
  for (const program of ["gitea-runner", "node"]) chmodSync(join(context, program), 0o755);
  writeFileSync(join(context, "gitea-runner.yaml"), runnerSettings);
  writeFileSync(join(context, "Dockerfile"), dockerfile(await debianParent(registry, folder)));

  const layout = join(folder, "runner-layout");
  const built = await gpuCi("build-base-image", [
    "--working-directory",
    context,
    "--file",
    "Dockerfile",
    "--builder",
    "buildah",
    "--output",
    layout,
  ]);
  const source = built.layout || built.image || "";
  const pushed = await gpuCi("push-local-registry", ["--source", source, "--image", "test/runner", "--tags", "1"]);
  return pushed["pull-ref"] ?? "";
}

async function gpuCi(verb: string, args: readonly string[]): Promise<Record<string, string>> {
  const { stdout } = await exec(join(root, "bin/gpu-ci"), [verb, ...args, "--json"]);
  return JSON.parse(stdout) as Record<string, string>;
}

const dockerfile = (parent: string) => `FROM ${parent}
RUN apt-get update && apt-get install -y --no-install-recommends git socat && rm -rf /var/lib/apt/lists/*
COPY gitea-runner node /usr/local/bin/
COPY gitea-runner.yaml /etc/gitea-runner.yaml
USER 1000:1000
WORKDIR /work
ENTRYPOINT ["gitea-runner", "--config", "/etc/gitea-runner.yaml", "daemon"]
LABEL registry.repo=test/runner registry.version=1
`;

const runnerSettings = `runner:
  file: /etc/gpu-ci-runner/registration
  fetch_interval: 250ms
  fetch_interval_max: 250ms
  log_report_interval: 500ms
  log_report_max_latency: 250ms
  state_report_interval: 500ms
  shutdown_timeout: 0s
cache: {enabled: false}
container: {docker_host: "-"}
host: {workdir_parent: /work}
`;
