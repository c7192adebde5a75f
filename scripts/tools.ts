import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Programs that tests and CI use and no package of npm or Debian has, at the versions they were tested with. */
const goTools = {
  act: "github.com/nektos/act@v0.2.89",
  actionlint: "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12",
  crane: "github.com/google/go-containerregistry/cmd/crane@v0.22.1",
  kubeconform: "github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0",
  helm: "helm.sh/helm/v4/cmd/helm@v4.3.1",
  // Later ones ask for lists as watches, which an API server whose etcd reports no progress refuses.
  kwok: "sigs.k8s.io/kwok/cmd/kwok@v0.6.1",
} as const;
const pythonTools = { zizmor: "zizmor==1.32.0" } as const;

/** The name of a tool that `ensureTools` can install. */
export type Tool = keyof typeof goTools | keyof typeof pythonTools;

/**
 * Installs what is missing of `names` and returns the folder to put on PATH: it is kept for the user, outside the clone, so that a fresh clone
 * reuses it. Throws when Go or Python is not there or a build fails.
 */
export function ensureTools(names: readonly Tool[], env: NodeJS.ProcessEnv = process.env): string {
  const key = createHash("sha256")
    .update(JSON.stringify([goTools, pythonTools]))
    .digest("hex")
    .slice(0, 12);
  const directory = join(env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "gpu-ci", "tools", key);
  mkdirSync(directory, { recursive: true });
  for (const name of names) {
    if (existsSync(join(directory, name))) continue;
    console.error(`tools: installing ${name} into ${directory}`);
    if (name in goTools) installGoTool(directory, name as keyof typeof goTools, env);
    else installPythonTool(directory, name as keyof typeof pythonTools);
  }
  return directory;
}

// Built beside its place and moved there at the end: an interrupted or a second installation never leaves half a program.
function installGoTool(directory: string, name: keyof typeof goTools, env: NodeJS.ProcessEnv): void {
  const fresh = mkdtempSync(join(directory, "new-"));
  try {
    run("go", ["install", goTools[name]], { ...env, CGO_ENABLED: "0", GOBIN: fresh });
    renameSync(join(fresh, name), join(directory, name));
  } finally {
    rmSync(fresh, { recursive: true });
  }
}

function installPythonTool(directory: string, name: keyof typeof pythonTools): void {
  const venv = join(directory, `venv-${name}`);
  rmSync(venv, { recursive: true, force: true });
  run("python3", ["-m", "venv", venv]);
  run(join(venv, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", pythonTools[name]]);
  symlinkSync(join(venv, "bin", name), join(directory, name));
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): void {
  const { status, error } = spawnSync(command, args, { env, stdio: ["ignore", 2, 2] });
  if (error) throw new Error(`${command} could not be started; it is needed to install the tools.`, { cause: error });
  if (status !== 0) throw new Error(`${[command, ...args].join(" ")} ended with exit code ${status}.`);
}

if (import.meta.main) {
  const known = [...Object.keys(goTools), ...Object.keys(pythonTools)] as Tool[];
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !known.some((tool) => tool === name));
  if (unknown.length > 0) {
    console.error(`usage: node scripts/tools.ts [NAME...]\nunknown: ${unknown.join(", ")}; known: ${known.join(", ")}`);
    process.exitCode = 2;
  } else {
    console.log(ensureTools(names.length > 0 ? (names as Tool[]) : known));
  }
}
