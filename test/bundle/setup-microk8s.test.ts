import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runBundle } from "../support/bundle.ts";
import { type KubernetesApi, startKubernetesApi } from "../support/kubernetes-api.ts";
import { microk8sApi } from "../support/microk8s-api.ts";

let folder: string;
let api: KubernetesApi;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-bundle-setup-"));
  api = await startKubernetesApi(microk8sApi(folder, {}));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const setUp = (inputs: Record<string, string>) =>
  runBundle("setup-microk8s", {
    cwd: folder,
    inputs: { distribution: "existing", kubeconfig: api.kubeconfig(), ...inputs },
    env: { HOME: folder, RUNNER_TEMP: folder },
  });

describe("the setup-microk8s bundle", () => {
  it("adopts the cluster that it is given, and its post step takes the kubeconfig away", async () => {
    const { exitCode, outputs, state } = await setUp({});
    expect([exitCode, outputs.version, outputs.created, outputs["gpu-count"]]).toEqual([0, "v1.32.9", "false", "0"]);
    const kubeconfig = outputs.kubeconfig ?? "";
    expect(await readFile(kubeconfig, "utf8")).toContain(api.url);
    const post = await runBundle("setup-microk8s", { phase: "post", state, cwd: folder, env: { HOME: folder } });
    expect([post.exitCode, existsSync(kubeconfig)]).toEqual([0, false]);
  });

  it("ends with 3, the reason and a report without a GPU that is required, and writes what is known", async () => {
    const { exitCode, outputs, stdout } = await setUp({ gpu: "required" });
    expect([exitCode, outputs.created]).toEqual([3, "false"]);
    expect(stdout).toContain(
      "::error::No node offers nvidia.com/gpu and no device plugin is installed; 1 of 1 nodes are ready.",
    );
    expect(stdout).toContain("What of the cluster is not ready");
  });

  it("ends with 2 for images where there is no node of ours to put them into", async () => {
    const { exitCode, stdout } = await setUp({ "sideload-images": "image.tar" });
    expect([exitCode, stdout]).toEqual([
      2,
      '::error::Input sideload-images is "image.tar"; allowed: empty with distribution existing.\n',
    ]);
  });
});
