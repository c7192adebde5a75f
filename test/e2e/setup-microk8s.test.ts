import { copyFileSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/setup-microk8s/inputs.ts";
import { setupMicrok8s } from "../../actions/setup-microk8s/setup-microk8s.ts";
import { undoSetup } from "../../actions/setup-microk8s/undo-setup.ts";
import { getObject, listObjects } from "../../lib/kubernetes/object.ts";
import { deployments, nodes } from "../../lib/kubernetes/resource.ts";
import { actionInput } from "../support/action-input.ts";
import { fixturePath } from "../support/fixture-path.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { createTestHost } from "../support/test-host.ts";

let real: RealCluster;
beforeAll(async () => {
  real = await openRealCluster("setup");
});
afterAll(() => real[Symbol.asyncDispose]());

const inputs = (values: Record<string, string>) => readInputs(actionInput("setup-microk8s", values));

describe("setup-microk8s on a real cluster", () => {
  it("adopts it and says what it has", async () => {
    await using host = createTestHost();
    const outputs = await setupMicrok8s(inputs({ distribution: "existing" }), host);
    const { items } = await listObjects(real.cluster, nodes);
    const allocatable = items.map(({ status }) => Number(status?.allocatable?.["nvidia.com/gpu"] ?? 0));
    expect(outputs).toMatchObject({
      version: items[0]?.status?.nodeInfo?.kubeletVersion,
      channel: undefined,
      created: false,
      gpuCount: allocatable.reduce((sum, count) => sum + count, 0),
      registryPush: process.env.REGISTRY,
    });
    expect(statSync(outputs.kubeconfig).mode & 0o777).toBe(0o600);
    const again = { ...host, env: { ...host.env, KUBECONFIG: outputs.kubeconfig } };
    expect((await setupMicrok8s(inputs({ distribution: "existing" }), again)).version).toBe(outputs.version);
  });

  it("does not take an addon for ready whose pod the real kubelet cannot start, and names why", async () => {
    await using host = createTestHost();
    const machine = fakeMachine(host.tempDirectory, real.cluster.namespace);
    const onMachine = { ...host, env: { ...process.env, ...machine } };
    const wanted = inputs({ distribution: "microk8s", addons: "broken", gpu: "off", "wait-timeout": "20s" });
    await expect(setupMicrok8s(wanted, onMachine)).rejects.toThrow(
      new RegExp(
        `^Addon broken is not ready after .*: Deployment ${real.cluster.namespace}/broken \\(0 of 1 ready\\)\\.\nPod ${real.cluster.namespace}/broken-.*: (ErrImagePull|ImagePullBackOff): `,
      ),
    );
    expect(await getObject(real.cluster, deployments, "broken")).toBeDefined();
    await undoSetup(onMachine);
    expect(host.lines.filter((line) => line.startsWith("warning"))).toEqual([]);
  });
});

/** The fakes of snap and microk8s over the real cluster: an addon of theirs brings a Deployment with an image that nobody has. */
function fakeMachine(folder: string, namespace: string): Record<string, string> {
  mkdirSync(join(folder, "apply"));
  copyFileSync(process.env.KUBECONFIG ?? "", join(folder, "client.config"));
  writeFileSync(join(folder, "installed"), "1.32/stable\n");
  writeFileSync(join(folder, "apply", "broken"), brokenAddon(namespace));
  return { PATH: `${fixturePath(folder, ["snap", "microk8s"])}:${process.env.PATH}`, FAKE_MACHINE: folder };
}

function brokenAddon(namespace: string): string {
  const labels = { app: "broken" };
  return JSON.stringify({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "broken", namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "broken", image: `${process.env.REGISTRY}/nobody/has-this:1` }] },
      },
    },
  });
}
