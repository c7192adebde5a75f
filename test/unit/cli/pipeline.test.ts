import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { installationRoot } from "../../../cli/action-manifest.ts";
import { runPipeline } from "../../../cli/pipeline.ts";
import type { StageRequest } from "../../../cli/stages.ts";

interface Step {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, string>>;
}

const outputsOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "next-version": { version: "1.2.3", "image-tag": "1.2.3-main", "branch-tag": "main" },
  "setup-microk8s": { kubeconfig: "/kube", version: "v1.35.0", "gpu-count": "2" },
  "build-base-image": {
    layout: "/layout",
    image: "team/base:1",
    tags: "1\ninputs-0",
    rebuilt: "true",
    "size-bytes": "1000",
  },
  "push-local-registry": {
    "push-ref": "push@sha256:1",
    "pull-ref": "pull@sha256:1",
    "pushed-bytes": "1000",
    registry: "r",
  },
  "build-source-image": { "pull-ref": "pull@sha256:2", files: "3", "layer-size-bytes": "10" },
  "run-k8s-gpu-test": {
    conclusion: "success",
    reason: "passed",
    passed: "4",
    failed: "0",
    skipped: "0",
    "gpu-product": "A",
  },
};

async function pipeline(config: Readonly<Record<string, string>>, kubeconfig?: string) {
  const requests: StageRequest[] = [];
  const lines: string[] = [];
  const outputs = new Map<string, string>();
  const folder = mkdtempSync(join(tmpdir(), "pipeline-"));
  const exitCode = await runPipeline({
    config: { get: (name) => config[name] ?? "", file: undefined },
    place: {
      kubeconfig,
      context: undefined,
      secrets: { "secret-env": "", "registry-username": "", "registry-password": "" },
    },
    stages: {
      options: { tempDirectory: "/temp" } as never,
      skip: (name, detail) => void lines.push(`${name}: skipped, ${detail}`),
      run: async (request) => {
        requests.push(request);
        const get = (name: string) => outputsOf[request.action]?.[name] ?? "";
        lines.push(`${request.action}: ${request.tell(get, 100).detail}`);
        return { outputs: get, exitCode: 0 };
      },
    },
    outputs,
    folder,
  });
  rmSync(folder, { recursive: true });
  return { exitCode, requests, lines, outputs: Object.fromEntries(outputs) };
}

describe("the pipeline of a terminal", () => {
  it("runs the actions of gpu-ci.yml in its order, with every input that its steps give", async () => {
    const yaml = parse(readFileSync(join(installationRoot(), "workflows/gpu-ci.yml"), "utf8")) as {
      jobs: { test: { steps: Step[] } };
    };
    const steps = yaml.jobs.test.steps.flatMap(({ uses, with: given }) => {
      const action = /^\$\/actions\/(.*)$/.exec(uses ?? "")?.[1];
      return action === undefined ? [] : [{ action, with: Object.keys(given ?? {}) }];
    });
    const { requests } = await pipeline({ engine: "auto" }, "");
    expect(requests.map(({ action }) => action)).toEqual(steps.map(({ action }) => action));
    const missing = steps.flatMap((step, at) =>
      step.with.filter((name) => !(name in (requests[at]?.with ?? {}))).map((name) => `${step.action}: ${name}`),
    );
    expect(missing).toEqual([]);
  });

  it("hands digests from stage to stage and gives the outputs of gpu-ci.yml", async () => {
    const { requests, outputs, exitCode, lines } = await pipeline({ engine: "auto", "test-command": "make test" }, "");
    const given = (action: string) => requests.find((request) => request.action === action)?.with ?? {};
    expect([
      given("build-source-image").base,
      given("run-k8s-gpu-test").image,
      given("build-source-image").ref,
    ]).toEqual(["push@sha256:1", "pull@sha256:2", "worktree"]);
    expect({ exitCode, outputs }).toEqual({
      exitCode: 0,
      outputs: {
        version: "1.2.3",
        "image-tag": "1.2.3-main",
        "base-image": "pull@sha256:1",
        image: "pull@sha256:2",
        conclusion: "success",
        reason: "passed",
        passed: "4",
        failed: "0",
        skipped: "0",
        "gpu-product": "A",
      },
    });
    expect(lines).toEqual([
      "next-version: 1.2.3",
      "setup-microk8s: Kubernetes v1.35.0, 2 GPUs",
      "build-base-image: 1, 1.0 kB",
      "push-local-registry: 1.0 kB to r, 10 kB/s",
      "build-source-image: 3 files, 10 B",
      "run-k8s-gpu-test: 4 passed, 0 failed, 0 skipped; A",
    ]);
  });

  it("leaves out what a given base image and a missing cluster make needless", async () => {
    const { lines } = await pipeline({ engine: "auto", "base-image": "team/base@sha256:3" });
    expect(lines.slice(1, 4)).toEqual([
      "setup-microk8s: skipped, no cluster is configured: podman or docker runs the test",
      "build-base-image: skipped, base-image is team/base@sha256:3",
      "push-local-registry: skipped, ",
    ]);
  });
});
