import { createHash } from "node:crypto";
import { appendFileSync, chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { buildkitPrograms } from "./buildkit-programs.ts";
import { debianParent } from "./debian-parent.ts";
import { sharedFolder } from "./forge.ts";
import { root } from "./house.ts";

/**
 * The runner's image of the chart, built from its Dockerfile and with its settings, in the test's registry; gives its reference by digest.
 * It is built once and then stays in the registry.
 */
export async function pushRunnerImage(registry: string, folder: string): Promise<string> {
  const context = join(folder, "runner-image");
  mkdirSync(context, { recursive: true });
  const { stdout } = await exec(join(sharedFolder(), "forge/build"), []);
  copyFileSync(join(stdout.trim(), "runner"), join(context, "gitea-runner"));
  copyFileSync(join(await buildkitPrograms(), "buildctl"), join(context, "buildctl"));
  for (const program of ["gitea-runner", "buildctl"]) chmodSync(join(context, program), 0o755);
  for (const file of ["Dockerfile_gitea_runner", "gitea-runner.yaml"])
    copyFileSync(join(root, "runner-deploy/images", file), join(context, file));
  const base = await pushNodeImage(registry, folder);
  return await buildAndPush({ context, file: "Dockerfile_gitea_runner", image: "test/runner", args: [`BASE=${base}`] });
}

/** What node:24-bookworm-slim is to a machine that reaches Docker Hub, with the socat by which a pod finds the forge at its own address. */
async function pushNodeImage(registry: string, folder: string): Promise<string> {
  const context = join(folder, "node-image");
  mkdirSync(context, { recursive: true });
  copyFileSync(process.execPath, join(context, "node"));
  chmodSync(join(context, "node"), 0o755);
  const from = `FROM ${await debianParent(registry, folder)}`;
  const socat =
    "RUN apt-get update && apt-get install -y --no-install-recommends git socat && rm -rf /var/lib/apt/lists/*";
  writeFileSync(join(context, "Dockerfile"), `${[from, socat, "COPY node /usr/local/bin/"].join("\n")}\n`);
  return await buildAndPush({ context, file: "Dockerfile", image: "test/node" });
}

interface ImageToBuild {
  /** A folder without subfolders. */
  readonly context: string;
  readonly file: string;
  readonly image: string;
  readonly args?: readonly string[];
}

/**
 * Builds a Dockerfile by our own action and pushes the image; gives its reference by digest. The version is made of the content, for another
 * content under the same version is refused.
 */
export async function buildAndPush({ context, file, image, args = [] }: ImageToBuild): Promise<string> {
  const hash = createHash("sha256").update(args.join("\n"));
  for (const name of readdirSync(context).toSorted())
    hash.update(`${name}\0`).update(readFileSync(join(context, name)));
  const version = hash.digest("hex").slice(0, 12);
  appendFileSync(join(context, file), `LABEL registry.repo=${image} registry.version=${version}\n`);
  const layout = join(context, "layout");
  const place = ["--working-directory", context, "--file", file, "--output", layout];
  const built = await gpuCi("build-base-image", [...place, "--build-args", args.join("\n"), "--builder", "buildah"]);
  const source = built.layout || built.image || "";
  const pushed = await gpuCi("push-local-registry", ["--source", source, "--image", image, "--tags", version]);
  return pushed["pull-ref"] ?? "";
}

async function gpuCi(verb: string, args: readonly string[]): Promise<Record<string, string>> {
  const { stdout } = await exec(join(root, "bin/gpu-ci"), [verb, ...args, "--json"]);
  return JSON.parse(stdout) as Record<string, string>;
}
