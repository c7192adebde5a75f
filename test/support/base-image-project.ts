import { copyFile, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildBaseImage } from "../../actions/build-base-image/build-base-image.ts";
import { readInputs } from "../../actions/build-base-image/inputs.ts";
import type { Outputs } from "../../actions/build-base-image/outputs.ts";
import { exec } from "../../lib/exec.ts";
import { actionInput } from "./action-input.ts";
import { createTestHost } from "./test-host.ts";

/** A Dockerfile from scratch, or from the build argument BASE, whose one step leaves a file. */
export const baseDockerfile = `ARG BASE=scratch
FROM \${BASE}
COPY busybox /bin/busybox
COPY greeting.txt /greeting.txt
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox id > /built"]
LABEL registry.repo="team/base" \\
      registry.version="1.0.0"
`;

export interface BaseImageProject {
  readonly directory: string;
  readonly build: (
    inputs?: Record<string, string>,
    options?: { readonly signal?: AbortSignal; readonly cache?: string; readonly env?: NodeJS.ProcessEnv },
  ) => Promise<{ readonly host: ReturnType<typeof createTestHost>; readonly outputs: Outputs }>;
  /** Pushes the layout that was built last. */
  readonly push: (tags: readonly string[], repository?: string) => Promise<void>;
}

/** Makes a project with `baseDockerfile` in a new folder below `folder`; buildah's layers are kept in `folder`, nothing of the machine's containers is touched. */
export async function createBaseImageProject(registry: string, folder: string): Promise<BaseImageProject> {
  const directory = await mkdtemp(join(folder, "project-"));
  await copyFile("/bin/busybox", join(directory, "busybox"));
  await writeFile(join(directory, "greeting.txt"), "hello\n");
  await writeFile(join(directory, "notes.txt"), "the build does not read this\n");
  await writeFile(join(directory, "Dockerfile_base"), baseDockerfile);
  const fixed = { builder: "buildah", registry, output: "layout", "min-free": "1M" };
  return {
    directory,
    async build(inputs = {}, { signal, cache = join(folder, "cache"), env } = {}) {
      const own = { RUNNER_TOOL_CACHE: cache, SOURCE_DATE_EPOCH: "1700000000", GITHUB_WORKSPACE: directory };
      const given = { ...process.env, KUBECONFIG: "", ...own, ...env };
      const host = createTestHost({ env: given, folder, ...(signal && { signal }) });
      const get = actionInput("build-base-image", { ...fixed, ...inputs });
      return { host, outputs: await buildBaseImage(readInputs(get), host) };
    },
    async push(tags, repository = "team/base") {
      const source = `oci:${join(directory, "layout")}`;
      const flags = ["--quiet", "--preserve-digests", "--dest-tls-verify=false"];
      for (const tag of tags)
        await exec("skopeo", ["copy", ...flags, source, `docker://${registry}/${repository}:${tag}`]);
    },
  };
}
