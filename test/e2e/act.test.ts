import { mkdtempSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
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
    const { stdout, exitCode } = await act(["push", "-W", ".github/workflows/gpu.yml"]);
    const outputs = new Map(
      [...stdout.matchAll(/::set-output:: ([\w-]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
    );
    expect({ exitCode, conclusion: outputs.get("conclusion"), failed: outputs.get("failed") }, stdout).toEqual({
      exitCode: 0,
      conclusion: "success",
      failed: "0",
    });
    expect(outputs.get("gpu-product")).toMatch(/./);
    expect(await namespace.jobsThatRan()).toHaveLength(1);
    expect(await namespace.objects()).toEqual([]);
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
    parent: await debianParent(process.env.REGISTRY || "localhost:32000", folder),
  });
  await cp(join(repository, project, ".github/workflows/gpu.yml"), join(repository, ".github/workflows/gpu.yml"));
  const git = gitIn(repository);
  await git("init", "--quiet", "--initial-branch=main");
  await git("add", "--all");
  await git("commit", "--quiet", "--message", "everything");
}

// A home of its own: act keeps its settings and clones there. Bundles are ignored by git, so act must not leave ignored files out.
function act(args: readonly string[]) {
  const path = `${dirname(process.execPath)}:${process.env.PATH}`;
  const env = { ...process.env, PATH: path, HOME: folder, XDG_CACHE_HOME: join(folder, "cache") };
  const options = [...hosts, "--pull=false", "--use-gitignore=false"];
  return exec(join(ensureTools(["act"]), "act"), [...args, ...options], {
    cwd: join(folder, "repository"),
    env,
    ignoreExitCode: true,
  });
}
