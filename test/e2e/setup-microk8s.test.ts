import { copyFileSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { readInputs } from "../../actions/setup-microk8s/inputs.ts";
import { setupMicrok8s } from "../../actions/setup-microk8s/setup-microk8s.ts";
import { undoSetup } from "../../actions/setup-microk8s/undo-setup.ts";
import { findKubeconfigSource } from "../../lib/kubernetes/kubeconfig.ts";
import { createObject, getObject, listObjects, patchObject } from "../../lib/kubernetes/object.ts";
import { deployments, jobs, namespaces, nodes, pods } from "../../lib/kubernetes/resource.ts";
import { actionInput } from "../support/action-input.ts";
import { pushBusyboxImage } from "../support/busybox-image.ts";
import { fixturePath } from "../support/fixture-path.ts";
import { findCertsFolder } from "../support/node-certs.ts";
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

  it("proves a GPU by a pod that passes Pod Security restricted, in an image of this machine's own C library, and leaves no Job", async () => {
    await using host = createTestHost();
    await enforce("restricted");
    try {
      const wanted = inputs({ distribution: "existing", gpu: "required", kubeconfig: inNamespace(real) });
      expect((await setupMicrok8s(wanted, host)).gpuCount).toBeGreaterThan(0);
    } finally {
      await enforce(null);
    }
    const said = host.lines.filter((line) => /^(A pod was given .* \(GPU-|All GPUs are in use)/.test(line));
    expect(said).toHaveLength(1);
    expect(await leftJobs()).toEqual([]);
  });

  it("cancelled while a GPU is tried leaves no Job either", async () => {
    await using host = createTestHost();
    const controller = new AbortController();
    const reason = new Error("cancelled by the test");
    const info = (line: string) => {
      host.log.info(line);
      if (/^(Trying a GPU|All GPUs are in use)/.test(line)) setTimeout(() => controller.abort(reason), 150);
    };
    const wanted = inputs({ distribution: "existing", gpu: "required", kubeconfig: inNamespace(real) });
    const cancelled = { ...host, log: { ...host.log, info }, signal: controller.signal };
    await setupMicrok8s(wanted, cancelled).catch((error: unknown) => expect(error).toBe(reason));
    expect(await leftJobs()).toEqual([]);
  });

  it("says which right a GPU cannot be tried without", async () => {
    await using host = createTestHost();
    const kubeconfig = inNamespace(real, {
      as: "system:serviceaccount:nobody:here",
      "as-groups": ["gpu-ci-test"],
    });
    await expect(
      setupMicrok8s(inputs({ distribution: "existing", gpu: "required", kubeconfig }), host),
    ).rejects.toMatchObject({ code: "gpu-unknown" });
  });

  it("teaches the node's containerd the registry's other names, and takes them back", async () => {
    await using host = createTestHost();
    const hostRoot = join(host.tempDirectory, "root");
    const certs = join(hostRoot, "var/snap/microk8s/current/args/certs.d");
    mkdirSync(dirname(certs), { recursive: true });
    symlinkSync(findCertsFolder(), certs);
    const machine = fakeMachine(host.tempDirectory, real.cluster.namespace);
    const onMachine = { ...host, hostRoot, env: { ...process.env, ...machine } };
    // Of the registry's image a pod is asked for by names that the node's own resolver does not know.
    const wanted = inputs({ distribution: "microk8s", addons: "", gpu: "off" });
    const service = "registry.container-registry.svc.cluster.local:5000";
    try {
      const { nodeIp, registryPush } = await setupMicrok8s(wanted, onMachine);
      expect(readdirSync(certs)).toEqual(
        expect.arrayContaining([service, `${nodeIp}:${registryPush?.split(":").at(-1)}`]),
      );
      const image = await pushBusyboxImage({ registry: process.env.REGISTRY ?? "", repository: "transport/busybox" });
      await startPod(real, "by-service-name", image.replace(/^[^/]+/, service));
    } finally {
      await undoSetup(onMachine);
    }
    expect(readdirSync(certs)).not.toContain(service);
    expect(host.lines.filter((line) => line.startsWith("warning: Could"))).toEqual([]);
  });

  it("does not take an addon for ready whose pod the real kubelet cannot start, and names why", async () => {
    await using host = createTestHost();
    const machine = fakeMachine(host.tempDirectory, real.cluster.namespace);
    const hostRoot = join(host.tempDirectory, "root");
    const onMachine = { ...host, hostRoot, env: { ...process.env, ...machine } };
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

/** A kubeconfig whose current namespace is the test's own; `user` adds to its user's fields. */
function inNamespace({ namespace }: RealCluster, user: object = {}): string {
  const document = findKubeconfigSource({ env: process.env })?.read();
  return stringify({
    ...document,
    contexts: document?.contexts.map((entry) => ({ ...entry, context: { ...Object(entry.context), namespace } })),
    users: document?.users.map((entry) => ({ ...entry, user: { ...Object(entry.user), ...user } })),
  });
}

/** Sets what Pod Security enforces in the test's namespace; null for nothing. */
async function enforce(level: "restricted" | null): Promise<void> {
  const patch = { metadata: { labels: { "pod-security.kubernetes.io/enforce": level } } };
  await patchObject(real.cluster, namespaces, real.namespace, { patch });
}

async function leftJobs(): Promise<readonly (string | undefined)[]> {
  const { items } = await listObjects(real.cluster, jobs);
  return items
    .filter(({ metadata }) => metadata?.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata?.name);
}

/** Starts a pod of an image that is pulled anew, and waits until it has run. */
async function startPod(on: RealCluster, name: string, image: string): Promise<void> {
  const container = { name: "main", image, imagePullPolicy: "Always", command: ["/bin/true"] };
  await createObject(on.cluster, pods, {
    metadata: { name },
    spec: { restartPolicy: "Never", containers: [container] },
  });
  await on.waitForPod(name, ({ status }) => status?.phase === "Succeeded");
}

/** The fakes of snap and microk8s over the real cluster: an addon of theirs brings a Deployment with an image that nobody has. */
function fakeMachine(folder: string, namespace: string): Record<string, string> {
  mkdirSync(join(folder, "apply"));
  copyFileSync(process.env.KUBECONFIG ?? "", join(folder, "client.config"));
  writeFileSync(join(folder, "installed"), "1.32/stable\n");
  writeFileSync(join(folder, "apply", "broken"), brokenAddon(namespace));
  return {
    PATH: `${fixturePath(folder, ["snap", "microk8s"])}:${process.env.PATH}`,
    FAKE_MACHINE: folder,
    GITHUB_ACTIONS: "true",
  };
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
