import { cpSync, mkdirSync } from "node:fs";
import { join, relative } from "node:path";
import { exec } from "../../lib/exec.ts";
import { gitIn } from "./forge.ts";
import { root } from "./house.ts";

/**
 * An image with this working tree's `gpu-ci`, in the test's registry; gives its reference by digest. It is one layer on an image that has a
 * Node on PATH; what it needs of node_modules is copied from here, as `npm ci --omit=dev` would install it.
 */
export async function pushControllerImage(base: string, folder: string): Promise<string> {
  const program = join(folder, "controller");
  mkdirSync(program, { recursive: true });
  for (const part of ["bin", "cli", "lib", "actions", "package.json"]) {
    cpSync(join(root, part), join(program, part), { recursive: true, filter: (source) => !source.endsWith("/dist") });
  }
  for (const path of await productionPackages()) {
    cpSync(path, join(program, relative(root, path)), { recursive: true });
  }
  const git = gitIn(program);
  await git("init", "--quiet");
  await git("commit", "--quiet", "--allow-empty", "--message", "controller");
  const target = ["--target-directory", "/opt/gpu-ci", "--entrypoint", "/opt/gpu-ci/bin/gpu-ci"];
  const place = ["--working-directory", program, "--ref", "worktree", "--image", "test/controller", "--tags", "1"];
  const args = ["build-source-image", "--base", base, ...place, ...target, "--json"];
  const { stdout } = await exec(join(root, "bin/gpu-ci"), args);
  return (JSON.parse(stdout) as Record<string, string>)["pull-ref"] ?? "";
}

async function productionPackages(): Promise<readonly string[]> {
  const args = ["ls", "--omit=dev", "--omit=optional", "--all", "--parseable"];
  const { stdout } = await exec("npm", args, { cwd: root, ignoreExitCode: true });
  const paths = stdout.split("\n").filter((line) => line.includes("/node_modules/"));
  // Nested packages come with the package that holds them; the image has a Node of its own.
  return paths.filter(
    (path) => path.split("/node_modules/").length === 2 && !/\/(node-(linux|darwin)-|typescript$)/.test(path),
  );
}
