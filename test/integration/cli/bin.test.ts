import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { installationRoot } from "../../../cli/action-manifest.ts";

const root = installationRoot();
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "gpu-ci-bin-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function gpuCi(args: readonly string[], options: { readonly bin?: string; readonly env?: NodeJS.ProcessEnv } = {}) {
  const { bin = join(root, "bin/gpu-ci"), env = process.env } = options;
  const { status, stdout, stderr } = spawnSync(bin, args, { cwd: root, env, encoding: "utf8" });
  return { status, stdout, stderr };
}

describe("bin/gpu-ci", () => {
  it("runs on the Node 24 of this project, also through a link and when another node is first on PATH", () => {
    const link = join(folder, "gpu-ci");
    symlinkSync(join(root, "bin/gpu-ci"), link);
    const decoys = join(folder, "decoys");
    mkdirSync(decoys);
    writeFileSync(join(decoys, "node"), "#!/bin/sh\nexit 42\n", { mode: 0o755 });
    const { status, stdout } = gpuCi(["--version"], { bin: link, env: { PATH: `${decoys}:${process.env.PATH}` } });
    expect({ status, stdout }).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^gpu-ci \d+\.\d+\.\d+, Node 24\./),
    });
  });

  it("says what it needs where there is no Node that can run it", () => {
    const installation = join(folder, "installation");
    mkdirSync(join(installation, "bin"), { recursive: true });
    copyFileSync(join(root, "bin/gpu-ci"), join(installation, "bin/gpu-ci"));
    const old = join(folder, "old");
    mkdirSync(old);
    const fakeNode = '#!/bin/sh\n[ "$1" = --version ] && echo v18.19.0 && exit 0\nexit 1\n';
    writeFileSync(join(old, "node"), fakeNode, { mode: 0o755 });
    const result = gpuCi(["doctor"], { bin: join(installation, "bin/gpu-ci"), env: { PATH: `${old}:/usr/bin:/bin` } });
    expect(result).toEqual({
      status: 3,
      stdout: "",
      stderr: `gpu-ci needs Node 22.18 or newer; this machine's is v18.19.0.\nRun 'npm ci' in ${installation}: it brings a Node 24 of its own for Linux.\n`,
    });
  });
});

describe("gpu-ci", () => {
  it("prints nothing but the result on stdout", () => {
    const { status, stdout } = gpuCi(["next-version", "--working-directory", "examples/vector-add", "--json"]);
    expect({ status, version: (JSON.parse(stdout) as { version: string }).version }).toEqual({
      status: 0,
      version: "0.1.0",
    });
  });

  it("answers a wrong command, option or value with exit code 2 and the nearest word", () => {
    expect(gpuCi(["nxet-version"])).toEqual({
      status: 2,
      stdout: "",
      stderr: "gpu-ci: There is no command nxet-version. Did you mean next-version? 'gpu-ci --help' lists them.\n",
    });
    expect(gpuCi(["run", "--gpu", "1"])).toEqual({
      status: 2,
      stdout: "",
      stderr: "gpu-ci: There is no option --gpu. Did you mean --gpus?\n",
    });
    expect(gpuCi(["run", "examples/vector-add/.github/workflows/gpu.yml", "--gpus", "many"]).status).toBe(2);
    expect(gpuCi(["next-version", "--bump", "huge"])).toEqual({
      status: 2,
      stdout: "",
      stderr: 'gpu-ci: Input bump is "huge"; allowed: none, patch, minor, major, prerelease, auto.\n',
    });
    expect(gpuCi(["push-local-registry"]).stderr).toMatch(/^gpu-ci: push-local-registry needs --source: /);
  });

  it("lists every option of an action with its default", () => {
    const { status, stdout } = gpuCi(["push-local-registry", "--help"]);
    expect(status).toBe(0);
    expect(stdout).toContain("--source VALUE");
    expect(stdout).toMatch(/--parallel VALUE .*\[default: 3\]/);
  });

  it("refuses a secret on the command line", () => {
    expect(gpuCi(["run", "examples/vector-add/.github/workflows/gpu.yml", "--secret-env", "TOKEN=hunter2"])).toEqual({
      status: 2,
      stdout: "",
      stderr: "gpu-ci: --secret-env takes the name of a variable, never its value.\n",
    });
  });

  it("examines this machine and answers by its exit code", () => {
    const { status, stdout } = gpuCi(["doctor", "--json"], {
      env: { ...process.env, KUBECONFIG: "/nowhere/kubeconfig" },
    });
    const { ready, findings } = JSON.parse(stdout) as { ready: boolean; findings: { topic: string; state: string }[] };
    const api = findings.find(({ topic }) => topic === "Kubernetes API");
    expect({ status, ready, state: api?.state }).toEqual({ status: 1, ready: false, state: "missing" });
  });
});
