import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { debianParent } from "../support/debian-parent.ts";
import { copyExample } from "../support/example-project.ts";
import { callForge, createRepository, type Forge, gitIn, pushFolder, remoteOf } from "../support/forge.ts";
import { type PublishedProduct, providePublished } from "../support/forge-publish.ts";
import { dispatchRun, endedRun, type ForgeScene, openForgeScene } from "../support/forge-scene.ts";
import type { TestNamespace } from "../support/test-namespace.ts";

interface Release {
  readonly tag_name: string;
  readonly draft: boolean;
  readonly target_commitish: string;
  readonly assets: readonly { readonly name: string; readonly size: number; readonly browser_download_url: string }[];
}

let scene: ForgeScene;
let folder: string;
let forge: Forge;
let namespace: TestNamespace;
let product: PublishedProduct;
let caller: string;
let commit: string;

beforeAll(async () => {
  scene = await openForgeScene("forge");
  ({ folder, forge, namespace } = scene);
  product = await providePublished(forge, join(folder, "product"));
  caller = await createRepository(forge, "vector-add");
  await writeCaller();
  commit = await pushFolder(forge, join(folder, "caller"), caller);
}, 600_000);
afterAll(() => scene?.[Symbol.asyncDispose]());

describe("the reusable workflows on a forge, called from another repository at the release's tag", () => {
  it("test a push: the GPU Job runs on the cluster, and its outputs reach the caller", async () => {
    const awaited = { path: "gpu.yml@refs/heads/main", event: "push", timeoutMs: 600_000 };
    const { run, jobs, log } = await endedRun(forge, caller, awaited);
    expect({ event: run.event, conclusion: run.conclusion }, log).toEqual({ event: "push", conclusion: "success" });
    expect(jobs.map(({ name, conclusion }) => `${name}: ${conclusion}`)).toEqual(["test: success", "after: success"]);
    expect(log).toContain(`forge/gpu-ci' # ref=v${product.version}`);
    expect(log).toMatch(/^passed +vector_add\.gpu: adds a million elements$/m);
    expect(log).toMatch(/^the caller got success, 0 failed, .*GPU.*, .*@sha256:[0-9a-f]{64}$/m);
    expect(await namespace.jobsThatRan()).toHaveLength(1);
    expect(await namespace.objects()).toEqual([]);
  });

  it("test a dispatch: nothing is built again", async () => {
    await dispatchRun(forge, caller, { workflow: "gpu.yml" });
    const awaited = { path: "gpu.yml@refs/heads/main", event: "workflow_dispatch", timeoutMs: 300_000 };
    const { run, log } = await endedRun(forge, caller, awaited);
    expect({ event: run.event, conclusion: run.conclusion }, log).toEqual({
      event: "workflow_dispatch",
      conclusion: "success",
    });
    expect(log).toContain("::set-output:: rebuilt=false");
    expect(await namespace.jobsThatRan()).toHaveLength(2);
    expect(await namespace.objects()).toEqual([]);
  });

  it("make the base image ahead of time: the one that is there is enough", async () => {
    await dispatchRun(forge, caller, { workflow: "base-image.yml" });
    const awaited = { path: "base-image.yml@refs/heads/main", event: "workflow_dispatch", timeoutMs: 120_000 };
    const { run, log } = await endedRun(forge, caller, awaited);
    expect(run.conclusion, log).toBe("success");
    expect(log).toContain("::set-output:: rebuilt=false");
    expect(log).toMatch(/^::set-output:: pull-ref=.*\/test\/vector-add-base@sha256:[0-9a-f]{64}$/m);
  });

  it("release a tag: the assets can be read back, with their checksums", async () => {
    const git = gitIn(join(folder, "caller"));
    await git("tag", "v0.1.0");
    await git("push", "--quiet", remoteOf(forge, caller), "v0.1.0");
    const awaited = { path: "release.yml@refs/tags/v0.1.0", event: "push", timeoutMs: 120_000 };
    const { run, log } = await endedRun(forge, caller, awaited);
    expect(run.conclusion, log).toBe("success");

    const release = await callForge<Release>(forge, "GET", `/repos/${caller}/releases/tags/v0.1.0`);
    expect({ ...release, assets: release.assets.map(({ name }) => name).sort() }).toMatchObject({
      tag_name: "v0.1.0",
      draft: false,
      assets: ["SHA256SUMS", "vector_add.h", "vector_add.ptx"],
    });
    const sums = await readAsset(release, "SHA256SUMS");
    expect(sums.trimEnd().split("\n")).toEqual([
      expect.stringMatching(/^[0-9a-f]{64} [ *]vector_add\.h$/),
      expect.stringMatching(/^[0-9a-f]{64} [ *]vector_add\.ptx$/),
    ]);
    expect(await readAsset(release, "vector_add.ptx")).toBe(`${await git("show", `${commit}:src/vector_add.ptx`)}\n`);
  });
});

async function writeCaller(): Promise<void> {
  const to = join(folder, "caller");
  copyExample({
    folder: to,
    uses: reference("gpu-ci.yml"),
    // This forge's runner reads one label of a called workflow, not a list.
    with: { "runs-on": '"gpu"', namespace: namespace.name },
    parent: await debianParent(process.env.REGISTRY || "localhost:32000", folder),
  });
  const workflows = join(to, ".github/workflows");
  appendFileSync(join(workflows, "gpu.yml"), afterJob);
  writeFileSync(join(workflows, "release.yml"), releaseCaller(reference("release.yml")));
  writeFileSync(join(workflows, "base-image.yml"), baseImageCaller(reference("base-image.yml")));
}

function reference(workflow: string): string {
  return `${product.repository}/.github/workflows/${workflow}@v${product.version}`;
}

const afterJob = `  after:
    needs: test
    runs-on: gpu
    steps:
      - env:
          GOT: \${{ needs.test.outputs.conclusion }}, \${{ needs.test.outputs.failed }} failed, \${{ needs.test.outputs.gpu-product }}, \${{ needs.test.outputs.image }}
        run: echo "the caller got $GOT"
`;

const baseImageCaller = (uses: string) => `name: base-image
on: {workflow_dispatch: {}}
permissions: {contents: read}
jobs:
  build:
    uses: ${uses}
    with: {runs-on: '"gpu"'}
`;

const releaseCaller = (uses: string) => `name: release
on: {push: {tags: ["v*"]}}
permissions: {contents: read}
jobs:
  release:
    permissions: {contents: write}
    uses: ${uses}
    with:
      runs-on: '"gpu"'
      files: |
        src/vector_add.h
        src/vector_add.ptx
`;

async function readAsset(release: Release, name: string): Promise<string> {
  const asset = release.assets.find((candidate) => candidate.name === name);
  const response = await fetch(asset?.browser_download_url ?? "");
  expect(response.status).toBe(200);
  return response.text();
}
