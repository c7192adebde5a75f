import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { readInputs } from "../../actions/switch-runners/inputs.ts";
import { switchRunners } from "../../actions/switch-runners/switch-runners.ts";
import { findKubeconfigSource } from "../../lib/kubernetes/kubeconfig.ts";
import { createObject, deleteObject, listObjects } from "../../lib/kubernetes/object.ts";
import { configMaps, pods } from "../../lib/kubernetes/resource.ts";
import { allRunnersSelector } from "../../lib/runner/runner-pod.ts";
import { actionInput } from "../support/action-input.ts";
import { openRealCluster, type RealCluster } from "../support/real-cluster.ts";
import { createTestHost } from "../support/test-host.ts";

let real: RealCluster;
beforeAll(async () => {
  real = await openRealCluster("switch-runners");
  return () => real[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const name of Object.keys(await switches())) await deleteObject(real.cluster, configMaps, name);
});

async function run(inputs: Record<string, string>, onLine: (line: string) => void = () => {}) {
  await using host = createTestHost();
  const info = (line: string) => {
    host.lines.push(line);
    onLine(line);
  };
  const get = actionInput("switch-runners", { namespace: real.namespace, ...inputs });
  const outputs = await switchRunners(readInputs(get), { ...host, log: { ...host.log, info } });
  return { outputs, lines: host.lines };
}

/** The switch as it lies in the cluster. */
async function switches(): Promise<Record<string, unknown>> {
  const { items } = await listObjects(real.cluster, configMaps);
  const own = items.filter(({ metadata }) => metadata?.name?.startsWith("gpu-ci-runners"));
  return Object.fromEntries(own.map(({ metadata, data }) => [metadata?.name, data]));
}

const install = () => createObject(real.cluster, configMaps, { metadata: { name: "gpu-ci-runners" } });

describe("switch-runners", () => {
  it("refuses a namespace without runners and leaves it as it was", async () => {
    await expect(run({ command: "drain" })).rejects.toMatchObject({ code: "runners-missing" });
    expect(await switches()).toEqual({});
  });

  it("drains all and lets them run again", async () => {
    await install();
    const drained = await run({ command: "drain", deadline: "30m" });
    expect(drained.outputs).toEqual({ state: "DrainAndSuspend", runners: 0, drained: true });
    expect(await switches()).toEqual({ "gpu-ci-runners": { STATE: "DrainAndSuspend", DEADLINE: "30m" } });
    expect((await run({})).outputs).toEqual(drained.outputs);
    expect((await run({ command: "resume" })).outputs).toEqual({ state: "Running", runners: 0, drained: false });
    expect(await switches()).toEqual({ "gpu-ci-runners": { STATE: "Running" } });
  });

  it("drains one node and gives it back to the switch of all", async () => {
    await install();
    const { outputs, lines } = await run({ command: "drain", node: "box-1", terminate: "true" });
    expect(outputs).toEqual({ state: "DrainAndTerminate", runners: 0, drained: true });
    expect(lines).toEqual([
      "Node box-1: DrainAndTerminate, no new jobs; running ones finish.",
      `Runners in namespace ${real.namespace}: Running; 0 there.`,
      "Node box-1 by itself: DrainAndTerminate.",
    ]);
    expect((await run({ command: "resume", node: "box-1" })).outputs.state).toBe("Running");
    expect(Object.keys(await switches())).toEqual(["gpu-ci-runners"]);
  });

  it("lets one node run while all are drained", async () => {
    await install();
    await run({ command: "drain" });
    expect((await run({ command: "resume", node: "box-1" })).outputs.state).toBe("Running");
    expect((await run({})).outputs.state).toBe("DrainAndSuspend");
  });

  it("drains and resumes for an account that may not see pods, and says so", async () => {
    await install();
    const kubeconfig = await kubeconfigOfSwitcher();
    const drained = await run({ command: "drain", kubeconfig });
    expect(drained.outputs).toEqual({ state: "DrainAndSuspend", runners: undefined, drained: undefined });
    expect(drained.lines.at(-1)).toBe(
      `Runners in namespace ${real.namespace}: DrainAndSuspend; this account may not see which there are.`,
    );
    expect((await run({ command: "resume", kubeconfig })).outputs.state).toBe("Running");
    await expect(run({ command: "drain", wait: "true", kubeconfig })).rejects.toMatchObject({ status: 403 });
    expect(await switches()).toEqual({ "gpu-ci-runners": { STATE: "Running" } });
  });

  it("waits until the last runner is gone, and no longer than it may", async () => {
    await install();
    await startRunner("runner-1");
    const wait = { command: "drain", wait: "true" };
    await expect(run({ ...wait, timeout: "1s" })).rejects.toMatchObject({ code: "deadline-exceeded" });
    let removed: Promise<unknown> = Promise.resolve();
    const { outputs, lines } = await run(wait, (line) => {
      if (line.startsWith("Waiting")) removed = deleteObject(real.cluster, pods, "runner-1");
    });
    await removed;
    expect(lines).toContain("Waiting for runner-1 (starting), at most 1 h 0 m in all.");
    expect(outputs).toEqual({ state: "DrainAndSuspend", runners: 0, drained: true });
  });
});

// No node has the label: it stays a runner that waits for a node.
async function startRunner(name: string): Promise<void> {
  const labels = Object.fromEntries(allRunnersSelector.split(",").map((part) => part.split("=")));
  const containers = [{ name: "runner", image: "localhost/none" }];
  const spec = { nodeSelector: { "gpu-ci/none": "true" }, containers };
  await createObject(real.cluster, pods, { metadata: { name, labels }, spec });
}

/** The content of a kubeconfig for an account with the rights of the chart's Role gpu-ci-drain. */
async function kubeconfigOfSwitcher(): Promise<string> {
  const name = "switcher";
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${real.namespace}`;
  const verbs = ["get", "list", "create", "patch", "delete"];
  const rules = [{ apiGroups: [""], resources: ["configmaps"], verbs }];
  await real.cluster.request({ method: "POST", path: `${rbac}/roles`, body: { metadata: { name }, rules } });
  const apiGroup = "rbac.authorization.k8s.io";
  const binding = {
    metadata: { name },
    roleRef: { apiGroup, kind: "Role", name },
    subjects: [{ apiGroup, kind: "User", name }],
  };
  await real.cluster.request({ method: "POST", path: `${rbac}/rolebindings`, body: binding });
  const document = findKubeconfigSource({ env: process.env })!.read();
  const users = document.users.map((entry) => ({ ...entry, user: { ...Object(entry.user), as: name } }));
  return JSON.stringify({ ...document, users });
}
