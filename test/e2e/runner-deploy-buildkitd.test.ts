import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exec } from "../../lib/exec.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { pods } from "../../lib/kubernetes/resource.ts";
import { pushBuildkitImage } from "../support/buildkit-image.ts";
import { buildkitPrograms } from "../support/buildkit-programs.ts";
import { debianParent } from "../support/debian-parent.ts";
import { root } from "../support/house.ts";
import { createRunnerNamespace, type RunnerNamespace } from "../support/installed-runners.ts";
import { prepareTimeoutMs, prepareTools } from "../support/prepare-tools.ts";
import { rootlessRefusal } from "../support/rootless-probe.ts";

const refusal = await rootlessRefusal();
const opened = new AsyncDisposableStack();
let folder: string;
let runners: RunnerNamespace;
beforeAll(() => prepareTools("helm"), prepareTimeoutMs);
beforeAll(async () => {
  if (refusal !== undefined) return;
  folder = await mkdtemp(join(tmpdir(), "gpu-ci-buildkitd-"));
  opened.defer(() => rm(folder, { recursive: true }));
  runners = opened.use(await createRunnerNamespace("chart-buildkitd"));
  const image = await pushBuildkitImage(process.env.REGISTRY ?? "", folder);
  const requests = { cpu: "100m", memory: "256Mi" };
  const resources = { requests, limits: { cpu: "2", memory: "2Gi" } };
  await runners.install({ buildkitd: { enabled: true, image, resources } });
}, 600_000);
afterAll(() => opened.disposeAsync());

if (refusal !== undefined) {
  it("cannot run on this machine, which refuses a pod its own user namespace and says so", () => {
    expect(refusal).toMatch(/user namespace|uid_map|newuidmap|operation not permitted|no space left/i);
  });
} else {
  describe("the chart's rootless builder, on a cluster", () => {
    it("runs without root and without privileges", async () => {
      const pod = await builderPod();
      expect(pod.spec?.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000 });
      const { privileged = false, capabilities } = pod.spec?.containers[0]?.securityContext ?? {};
      expect([privileged, capabilities]).toEqual([false, undefined]);
    });

    it("builds for build-base-image, with RUN, on a parent of the cluster's registry by its outside name", async () => {
      const name = `test/built-${randomBytes(3).toString("hex")}`;
      const parent = await debianParent(process.env.REGISTRY ?? "", folder);
      const dockerfile = `FROM ${parent}
LABEL registry.repo=${name} registry.version=1.0.0
RUN id -u >/made && echo made by the builder >>/made
`;
      await writeFile(join(folder, "Dockerfile_base"), dockerfile);
      const layout = join(folder, "layout");
      const address = `tcp://${(await builderPod()).status?.podIP}:1234`;
      const env = { ...process.env, BUILDKIT_HOST: address, PATH: `${await buildkitPrograms()}:${process.env.PATH}` };
      const args = ["build-base-image", "--working-directory", folder, "--output", layout, "--builder", "buildkit"];
      const { stdout, stderr } = await exec(join(root, "bin/gpu-ci"), [...args, "--json"], { env });
      expect(stderr).toContain(`buildkitd at ${address}`);
      expect(JSON.parse(stdout)).toMatchObject({ rebuilt: "true", version: "1.0.0", layout });
      const { stdout: made } = await exec("tar", ["--to-stdout", "-xf", await lastLayer(layout), "made"]);
      expect(made).toBe("0\nmade by the builder\n");
    });
  });
}

async function builderPod() {
  const labelSelector = "app.kubernetes.io/component=buildkitd";
  const [pod] = (await listObjects(runners.cluster, pods, { labelSelector })).items;
  if (pod === undefined) throw new Error("The chart made no builder.");
  return pod;
}

/** The file of the layer that was made last. */
async function lastLayer(layout: string): Promise<string> {
  interface Descriptor {
    readonly digest: string;
  }
  const read = async <T>(path: string) => JSON.parse(await readFile(join(layout, path), "utf8")) as T;
  const blob = ({ digest }: Descriptor) => `blobs/${digest.replace(":", "/")}`;
  const index = await read<{ manifests: [Descriptor] }>("index.json");
  const manifest = await read<{ layers: Descriptor[] }>(blob(index.manifests[0]));
  return join(layout, blob(manifest.layers.at(-1)!));
}
