import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { ensureTools } from "../../scripts/tools.ts";

// What this machine's Go can build of the two; BuildKit's own image has the same.
const buildkit = "github.com/moby/buildkit/cmd";
const programs = [
  `${buildkit}/buildkitd@v0.26.3`,
  `${buildkit}/buildctl@v0.26.3`,
  "github.com/rootless-containers/rootlesskit/v2/cmd/rootlesskit@v2.3.6",
];

/**
 * The folder with buildkitd, buildctl and rootlesskit. They need a module of their own, for `go install` refuses their replacements; it is
 * built once, which takes minutes, and kept beside the other tools.
 */
export async function buildkitPrograms(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const tools = dirname(ensureTools([]));
  const directory = join(tools, "buildkit-0.26.3");
  await exec("flock", [join(tools, "buildkit-lock"), process.execPath, import.meta.filename, directory], { env });
  return directory;
}

async function build(directory: string): Promise<void> {
  if (existsSync(directory)) return;
  const cwd = mkdtempSync(`${directory}-`);
  const env = { ...process.env, CGO_ENABLED: "0", HOME: process.env.HOME || homedir() };
  writeFileSync(join(cwd, "go.mod"), "module programs\n");
  await exec("go", ["get", "-tool", ...programs], { cwd, env });
  await exec("go", ["build", "-o", "bin/", "-ldflags=-s -w", "tool"], { cwd, env });
  renameSync(join(cwd, "bin"), directory);
  rmSync(cwd, { recursive: true });
}

if (import.meta.main) await build(process.argv[2] ?? "");
