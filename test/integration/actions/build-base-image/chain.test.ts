import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BaseImageProject, baseDockerfile, createBaseImageProject } from "../../../support/base-image-project.ts";
import { startKubernetesApi } from "../../../support/kubernetes-api.ts";
import { startRegistry, type TestRegistry } from "../../../support/registry.ts";

let registry: TestRegistry;
let folder: string;
let project: BaseImageProject;

beforeAll(async () => {
  registry = await startRegistry();
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-chain-"));
  project = await createBaseImageProject(registry.host, folder);
  const child = baseDockerfile.replace(/^COPY busybox.*\n/m, "").replace(/^COPY greeting.*\n/m, "");
  for (const name of ["stack", "app"]) {
    await writeFile(join(project.directory, `Dockerfile_${name}`), child.replace("team/base", `team/${name}`));
  }
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Builds and pushes each image on the digest of the one before, as a workflow's jobs do with `needs` and `build-args`. */
async function buildChain() {
  const steps: { name: string; rebuilt: boolean; moved: boolean; digest: string }[] = [];
  for (const name of ["base", "stack", "app"]) {
    const parent = steps.at(-1);
    const { outputs, host } = await project.build({
      file: `Dockerfile_${name}`,
      ...(parent && { "build-args": `BASE=${registry.host}/team/${parent.name}@${parent.digest}` }),
    });
    if (outputs.rebuilt) await project.push(outputs.tags, `team/${name}`);
    const moved = host.lines.some(
      (line) =>
        line.startsWith("warning: A base image moved") && line.includes(`team/${parent?.name}@${parent?.digest}`),
    );
    steps.push({ name, rebuilt: outputs.rebuilt, moved, digest: outputs.digest });
  }
  return steps.map(({ name, rebuilt, moved }) => ({ name, rebuilt, moved }));
}

describe("a chain of images, each on the digest of the one before", () => {
  it("is built in order, left alone when nothing changed, and built again below the one that changed, saying which base moved", async () => {
    const each = (of: { rebuilt: boolean; moved: boolean }) =>
      ["base", "stack", "app"].map((name) => ({ name, ...of }));
    expect(await buildChain()).toEqual(each({ rebuilt: true, moved: false }));
    expect(await buildChain()).toEqual(each({ rebuilt: false, moved: false }));
    await writeFile(join(project.directory, "greeting.txt"), "a new base\n");
    await writeFile(join(project.directory, "Dockerfile_base"), baseDockerfile.replace("1.0.0", "1.1.0"));
    expect(await buildChain()).toEqual([
      { name: "base", rebuilt: true, moved: false },
      { name: "stack", rebuilt: true, moved: true },
      { name: "app", rebuilt: true, moved: true },
    ]);
    expect(await buildChain()).toEqual(each({ rebuilt: false, moved: false }));
  });
});

describe("a cache in the registry", () => {
  it("spares a machine without layers the steps that another one ran", async () => {
    await writeFile(join(project.directory, "Dockerfile_cached"), baseDockerfile.replace("1.0.0", "8.0.0"));
    const caches = { "cache-from": "registry", "cache-to": "registry" };
    const build = (machine: string, inputs: Record<string, string> = {}) =>
      project.build({ file: "Dockerfile_cached", rebuild: "always", ...inputs }, { cache: join(folder, machine) });
    const first = await build("one", caches);
    const second = await build("another", caches);
    expect(first.host.consoleText()).toContain("Pushing cache");
    expect(second.host.consoleText()).toMatch(/RUN.*\n.*Cache pulled from remote/);
    expect(second.outputs.digest).toBe(first.outputs.digest);
  });
});

describe("what a build says about its Dockerfile and the cluster's nodes", () => {
  it("is a note on the line, a warning of a full disk before the build, and one of an old driver after it", async () => {
    const node = {
      metadata: { name: "box", labels: { "nvidia.com/cuda.driver-version.full": "470.256.02" } },
      status: { conditions: [{ type: "DiskPressure", status: "True" }] },
    };
    await using api = await startKubernetesApi((_call, reply) =>
      reply.json({ kind: "NodeList", metadata: {}, items: [node] }),
    );
    const doubtful = baseDockerfile.replace("LABEL", "ENV CUDA_VERSION=12.4.1 API_TOKEN=x\nLABEL");
    await writeFile(join(project.directory, "Dockerfile_doubtful"), doubtful.replace("1.0.0", "9.0.0"));
    const { host } = await project.build({ file: "Dockerfile_doubtful", kubeconfig: api.kubeconfig() });
    expect(host.annotations).toEqual([
      {
        level: "warning",
        title: "Dockerfile",
        message:
          "ENV API_TOKEN looks like a secret, and everybody who has the image can read it: use RUN --mount=type=secret",
        file: "Dockerfile_doubtful",
        line: 6,
      },
    ]);
    expect(host.lines.filter((line) => /nodes|^warning: (Node|The image)/.test(line))).toEqual([
      "warning: Node box is under disk pressure: its kubelet deletes images and evicts pods, the registry's among them. Free space there (gpu-ci registry prune) before the push.",
      "warning: The image has CUDA 12.4, which needs driver 525.60.13 or newer; node box has driver 470.256.02. Update the driver, or take a base image of an older CUDA.",
    ]);
  });
});
