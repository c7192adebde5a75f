import { mkdtempSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { ensureTools } from "../../scripts/tools.ts";
import { debianParent } from "../support/debian-parent.ts";
import { copyExample } from "../support/example-project.ts";
import { gitIn } from "../support/forge.ts";
import { copyBundles, copyProject, writeWorkflows } from "../support/forge-publish.ts";
import { createTestNamespace, type TestNamespace } from "../support/test-namespace.ts";

const project = "examples/vector-add";
const hosts = ["ubuntu-latest", "self-hosted", "gpu"].flatMap((label) => ["-P", `${label}=-self-hosted`]);
const registry = process.env.REGISTRY || "localhost:32000";
let folder: string;
let namespace: TestNamespace;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-act-"));
  namespace = await createTestNamespace("gpu-ci-act");
  await prepareRepository();
});
afterAll(async () => {
  await namespace?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

describe("act on this host", () => {
  it("runs the pipeline for a push, with the GPU Job on the cluster", async () => {
    const { stdout, exitCode, outputs } = await act("gpu.yml", process.env);
    expect({ exitCode, conclusion: outputs.get("conclusion"), failed: outputs.get("failed") }, stdout).toEqual({
      exitCode: 0,
      conclusion: "success",
      failed: "0",
    });
    expect(outputs.get("gpu-product")).toMatch(/./);
    expect(await namespace.jobsThatRan()).toHaveLength(1);
    expect(await namespace.objects()).toEqual([]);
  });

  it("runs it by podman where no cluster is configured, the GPU cases skipped", async () => {
    const { KUBECONFIG: _, ...env } = process.env;
    const { stdout, exitCode, outputs } = await act("gpu-without-cluster.yml", env);
    expect({ exitCode, conclusion: outputs.get("conclusion"), failed: outputs.get("failed") }, stdout).toEqual({
      exitCode: 0,
      conclusion: "success",
      failed: "0",
    });
    expect(Number(outputs.get("skipped"))).toBeGreaterThan(0);
    expect(outputs.get("rebuilt")).toBe("false");
    expect(stdout).toContain("No cluster is configured: this job goes on without one.");
    expect(stdout).not.toMatch(/::error|❗/);
    expect(await namespace.jobsThatRan()).toHaveLength(1);
  });
});

// act runs what is in one repository: ours, with bundles, in which the example is a project in a folder of its own.
async function prepareRepository(): Promise<void> {
  const repository = join(folder, "repository");
  copyProject(repository);
  copyBundles(repository);
  await writeWorkflows("./", join(repository, ".github/workflows"));
  copyExample({
    folder: join(repository, project),
    uses: "./.github/workflows/gpu-ci.yml",
    with: { "working-directory": project, namespace: namespace.name },
    parent: await debianParent(registry, folder),
  });
  const caller = await readFile(join(repository, project, ".github/workflows/gpu.yml"), "utf8");
  const withoutCluster = caller.replace(/namespace: .*/, `registry: ${registry}`);
  await writeFile(join(repository, ".github/workflows/gpu.yml"), caller);
  await writeFile(join(repository, ".github/workflows/gpu-without-cluster.yml"), withoutCluster);
  const git = gitIn(repository);
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "everything");
}

// A home of its own: act keeps its settings and clones there. Bundles are ignored by git, so act must not leave ignored files out.
async function act(workflow: string, environment: NodeJS.ProcessEnv) {
  const path = `${dirname(process.execPath)}:${process.env.PATH}`;
  const env = { ...environment, PATH: path, HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
  const options = [...hosts, "--pull=false", "--use-gitignore=false"];
  const args = ["push", "-W", `.github/workflows/${workflow}`, ...options];
  const cwd = join(folder, "repository");
  const { stdout, exitCode } = await exec(join(ensureTools(["act"]), "act"), args, { cwd, env, ignoreExitCode: true });
  const outputs = new Map(
    [...stdout.matchAll(/::set-output:: ([\w-]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
  return { stdout, exitCode, outputs };
}
