import { describe, expect, it } from "vitest";
import { gpuHolders } from "../../../../lib/kubernetes/gpu-holders.ts";
import type { Pod } from "../../../../lib/kubernetes/resource.ts";

const resource = "nvidia.com/gpu";
const now = new Date("2026-01-01T12:00:00Z");

function container(gpus: number, restartPolicy?: string) {
  const limits = { [resource]: String(gpus) };
  return { name: "c", resources: { limits }, ...(restartPolicy === undefined ? {} : { restartPolicy }) };
}

function pod(
  name: string,
  parts: Partial<NonNullable<Pod["spec"]>>,
  status: Pod["status"] = { phase: "Running" },
): Pod {
  const spec = { nodeName: "box", containers: [container(1)], ...parts };
  return { metadata: { name, namespace: "team", creationTimestamp: "2026-01-01T11:00:00Z" }, spec, status };
}

const amounts = (...pods: readonly Pod[]) =>
  gpuHolders(pods, resource, now).map(({ pod: name, amount }) => [name, amount]);

describe("pods that hold GPUs", () => {
  it("are those that are bound to a node and have not ended", () => {
    const { nodeName: _none, ...unbound } = pod("waiting", {}).spec ?? { containers: [] };
    expect(
      amounts(
        pod("held", {}),
        pod("done", {}, { phase: "Succeeded" }),
        pod("failed", {}, { phase: "Failed" }),
        pod("cpu", { containers: [{ name: "c" }] }),
        { metadata: { name: "waiting" }, spec: unbound, status: { phase: "Pending" } },
      ),
    ).toEqual([["held", 1]]);
  });

  it("hold what runs together: containers and sidecars, or one init container when that asks for more", () => {
    const containers = [container(1), container(2)];
    expect(amounts(pod("sidecar", { containers, initContainers: [container(1, "Always")] }))).toEqual([["sidecar", 4]]);
    expect(amounts(pod("init", { containers, initContainers: [container(8), container(2)] }))).toEqual([["init", 8]]);
  });

  it("are listed with owner and age, the oldest first", () => {
    const young = pod("young", {}, { phase: "Running", startTime: "2026-01-01T11:59:00Z" });
    const owner = { apiVersion: "batch/v1", kind: "Job", name: "build", uid: "1", controller: true };
    const old: Pod = { ...pod("old", {}), metadata: { ...pod("old", {}).metadata, ownerReferences: [owner] } };
    expect(gpuHolders([young, old], resource, now)).toEqual([
      { namespace: "team", pod: "old", node: "box", owner: "Job build", amount: 1, ageMs: 3_600_000, isRunner: false },
      { namespace: "team", pod: "young", node: "box", owner: undefined, amount: 1, ageMs: 60_000, isRunner: false },
    ]);
  });

  it.each([
    { "actions-ephemeral-runner": "True" },
    { "runner-deployment-name": "gpu" },
    { "app.kubernetes.io/component": "runner" },
    { "gpu-ci/runner": "box" },
  ])("are known as runners by %o", (labels) => {
    const runner: Pod = { ...pod("runner", {}), metadata: { name: "runner", labels } };
    expect(gpuHolders([runner], resource, now).map(({ isRunner }) => isRunner)).toEqual([true]);
  });
});
