import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { everythingIn, kubeconfigIn, startDemo } from "../support/demo.ts";
import { root } from "../support/house.ts";
import { createTestNamespace, type TestNamespace } from "../support/test-namespace.ts";

interface State {
  readonly conclusion: string;
  readonly exitCode: number;
  readonly stages: readonly { readonly name: string; readonly outcome: string }[];
  readonly outputs: Readonly<Record<string, string>>;
}

let namespace: TestNamespace;
let kubeconfig: Awaited<ReturnType<typeof kubeconfigIn>>;
let env: NodeJS.ProcessEnv;
beforeAll(async () => {
  namespace = await createTestNamespace("demo");
  kubeconfig = await kubeconfigIn(namespace.name);
  env = { ...process.env, KUBECONFIG: kubeconfig.path };
  // The namespace's own service account and certificates come a moment after it.
  await sleep(2000);
});
afterAll(async () => {
  kubeconfig[Symbol.dispose]();
  await namespace[Symbol.asyncDispose]();
});

function readState(): State {
  return JSON.parse(readFileSync(join(root, "demo-output/state.json"), "utf8")) as State;
}

async function demo(...args: string[]) {
  const startedAt = performance.now();
  const run = startDemo(args, env);
  const status = await run.ended;
  const state = readState();
  const outcomes = Object.fromEntries(state.stages.map(({ name, outcome }) => [name, outcome]));
  const lastLine = run.printed().trimEnd().split("\n").at(-1);
  return { status, outcomes, lastLine, outputs: state.outputs, seconds: (performance.now() - startedAt) / 1000, run };
}

describe("npm run demo on a cluster", () => {
  it("runs every stage with the GPU that is required, and leaves the cluster as it was", async () => {
    const before = await everythingIn(namespace.name);
    const { status, lastLine, outputs, run } = await demo("--gpus", "1");
    expect(status, run.printed()).toBe(0);
    expect(lastLine).toMatch(/^demo: passed in \d+\.\d s$/);
    expect(outputs).toMatchObject({ conclusion: "success", passed: "12", failed: "0", skipped: "0" });
    expect(outputs["gpu-product"]).not.toBe("");
    expect(await everythingIn(namespace.name)).toEqual(before);
  });

  it("rebuilds nothing when it runs again, within 15 s", async () => {
    const { status, outcomes, seconds, run } = await demo("--gpus", "1");
    expect(status, run.printed()).toBe(0);
    expect(outcomes).toMatchObject({
      packages: "unchanged",
      registry: "unchanged",
      "parent image": "unchanged",
      "build-base-image": "unchanged",
      "push-local-registry": "unchanged",
      "run-k8s-gpu-test": "success",
    });
    expect(seconds).toBeLessThan(15);
  });

  it("leaves nothing in the cluster 10 s after Ctrl-C in the middle of the Job", async () => {
    const before = await everythingIn(namespace.name);
    const run = startDemo(["--gpus", "1"], env);
    while (!(await namespace.objects()).some((name) => name.startsWith("Job "))) await sleep(50);
    const interruptedAt = performance.now();
    run.interrupt();
    await run.ended;
    expect(run.printed()).toMatch(/\ndemo: cancelled after .*\n$/);
    expect(await everythingIn(namespace.name)).toEqual(before);
    expect(performance.now() - interruptedAt).toBeLessThan(10_000);
    expect(readState()).toMatchObject({ conclusion: "cancelled", exitCode: 130 });
  });
});

describe("gpu-ci run on a cluster", () => {
  it("tests the working tree with its uncommitted changes, by the caller workflow it finds", async () => {
    const project = mkdtempSync(join(tmpdir(), "gpu-ci-project-"));
    cpSync(join(root, "examples/vector-add"), project, { recursive: true });
    const git = (...args: string[]) =>
      exec("git", ["-c", "user.name=a", "-c", "user.email=a@b.c", ...args], { cwd: project });
    await git("init", "--quiet");
    await git("add", ".");
    await git("commit", "--quiet", "-m", "all");
    writeFileSync(join(project, "src/vector_add_cpu.c"), broken);

    const options = { cwd: project, env, ignoreExitCode: true };
    const { exitCode, stdout, stderr } = await exec(
      join(root, "bin/gpu-ci"),
      ["run", "--gpus", "1", "--json"],
      options,
    );
    expect(exitCode, stderr).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ conclusion: "failure", passed: "7", failed: "5", skipped: "0" });
    expect(readdirSync(join(project, ".gpu-ci")).sort()).toEqual([
      ".gitignore",
      "files",
      "report.json",
      "state.json",
      "summary.html",
      "summary.md",
      "test.log",
    ]);
    rmSync(project, { recursive: true });
  });
});

const broken = `#include "vector_add.h"
void vector_add_cpu(const float *a, const float *b, float *c, int n) {
  for (int i = 0; i < n; i++) c[i] = a[i] - b[i];
}
`;
