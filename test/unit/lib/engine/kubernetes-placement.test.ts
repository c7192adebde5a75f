import { describe, expect, it } from "vitest";
import { explainPlacement } from "../../../../lib/engine/kubernetes-placement.ts";
import type { Node, Pod } from "../../../../lib/kubernetes/resource.ts";

const gpu = "nvidia.com/gpu";
const now = new Date("2026-01-01T12:00:00Z");
type Amounts = Readonly<Record<string, string>>;

function nodeOf(name: string, capacity: Amounts, more: { allocatable?: Amounts; spec?: Node["spec"] } = {}): Node {
  const { allocatable = capacity, spec = {} } = more;
  const conditions = [{ type: "Ready", status: "True" }];
  const labels = { zone: "a" };
  return { metadata: { name, labels }, spec, status: { capacity, allocatable, conditions } };
}

function podOf(limits: Amounts, spec: Partial<NonNullable<Pod["spec"]>> = {}, metadata: Pod["metadata"] = {}): Pod {
  return {
    metadata: { name: "test", namespace: "team", ...metadata },
    spec: { containers: [{ name: "test", resources: { limits } }], ...spec },
    status: { startTime: "2026-01-01T11:50:00Z" },
  };
}

const explain = (pod: Pod, nodes: readonly Node[], pods: readonly Pod[] = []) =>
  explainPlacement(pod, { nodes, pods, gpuResource: gpu, now });

describe("a pod that no node can ever take", () => {
  const tainted = nodeOf(
    "infra",
    { [gpu]: "2" },
    { spec: { taints: [{ key: "dedicated", value: "infra", effect: "NoSchedule" }] } },
  );
  it.each<[string, Pod, readonly Node[], string]>([
    [
      "asks for a GPU where there is no device plugin",
      podOf({ [gpu]: "1" }),
      [nodeOf("a", { cpu: "4" })],
      "No node offers nvidia.com/gpu: the device plugin (or GPU operator) is not installed, or finds no driver. setup-microk8s with gpu: required installs it.",
    ],
    [
      "asks for more GPUs than any node has",
      podOf({ [gpu]: "5" }),
      [nodeOf("a", { [gpu]: "2" }), nodeOf("b", { [gpu]: "4" })],
      "5 nvidia.com/gpu asked for, but the largest node has 4.",
    ],
    [
      "asks for labels that no node has",
      podOf({}, { nodeSelector: { zone: "b" } }),
      [nodeOf("a", {})],
      "None of the 1 nodes has the labels of node-selector: zone=b.",
    ],
    [
      "does not tolerate the taint of one node and is too large for the other",
      podOf({ [gpu]: "1", memory: "9G" }),
      [tainted, nodeOf("b", { [gpu]: "1", memory: "8Gi" })],
      "No node can ever take it. Node infra has the taint dedicated=infra:NoSchedule, which is not tolerated, and has 0 B of memory, 9.0 GB asked for. Node b has 8.6 GB of memory, 9.0 GB asked for.",
    ],
    [
      "asks for more CPUs than there are",
      podOf({ cpu: "2500m" }),
      [nodeOf("a", { cpu: "2" })],
      "No node can ever take it. Node a has 2 of cpu, 2.5 asked for.",
    ],
  ])("%s", (_name, pod, nodes, words) => {
    expect(explain(pod, nodes)).toEqual({ isImpossible: true, lines: [words] });
  });

  it("names the plugin that runs and sees no GPU, and hopes for one that does not run yet", () => {
    const plugin = (ready: string): Pod => ({
      metadata: { namespace: "kube-system", name: "nvidia-device-plugin-x" },
      status: {
        phase: "Running",
        conditions: [{ type: "Ready", status: ready }],
        containerStatuses:
          ready === "True"
            ? []
            : [
                {
                  name: "ctr",
                  ready: false,
                  restartCount: 3,
                  image: "i",
                  imageID: "",
                  state: { waiting: { reason: "CrashLoopBackOff" } },
                },
              ],
      },
    });
    expect(explain(podOf({ [gpu]: "1" }), [nodeOf("a", {})], [plugin("True")])).toEqual({
      isImpossible: true,
      lines: [
        "No node offers nvidia.com/gpu, though kube-system/nvidia-device-plugin-x runs: it sees no GPU of this kind. Check the driver, and that the pod has the RuntimeClass nvidia.",
      ],
    });
    expect(explain(podOf({ [gpu]: "1" }), [nodeOf("a", {})], [plugin("False")])).toEqual({
      isImpossible: false,
      lines: ["No node offers nvidia.com/gpu yet: kube-system/nvidia-device-plugin-x (ctr): CrashLoopBackOff"],
    });
  });
});

describe("a pod that waits", () => {
  const one = nodeOf("a", { [gpu]: "2", cpu: "4" });

  it("is told who holds the GPUs, the oldest first", () => {
    const train = podOf(
      { [gpu]: "2" },
      { nodeName: "a" },
      {
        name: "train",
        ownerReferences: [{ apiVersion: "batch/v1", kind: "Job", name: "train", uid: "1", controller: true }],
      },
    );
    const done: Pod = { ...podOf({ [gpu]: "2" }, { nodeName: "a" }, { name: "done" }), status: { phase: "Succeeded" } };
    expect(explain(podOf({ [gpu]: "1" }), [one], [train, done])).toEqual({
      isImpossible: false,
      lines: [
        "Node a has 0 of 2 nvidia.com/gpu free, 1 asked for.",
        "nvidia.com/gpu is held by team/train (Job train, 2, for 10 m 0 s).",
      ],
    });
  });

  it("is told that the GPU is not what is missing", () => {
    const busy = podOf({ cpu: "3500m" }, { nodeName: "a" }, { name: "busy" });
    expect(explain(podOf({ [gpu]: "1", cpu: "1" }), [one], [busy])).toEqual({
      isImpossible: false,
      lines: ["Node a has 0.5 of 4 cpu free, 1 asked for.", "nvidia.com/gpu is free: it is not what is missing."],
    });
  });

  it.each<[string, Node, string]>([
    [
      "unhealthy GPUs",
      nodeOf("a", { [gpu]: "2" }, { allocatable: { [gpu]: "0" } }),
      "Node a has 0 of 2 nvidia.com/gpu free, 2 unhealthy, 1 asked for.",
    ],
    [
      "a lost registration",
      nodeOf("a", { [gpu]: "0" }),
      "Node a registered nvidia.com/gpu once and offers 0 now: the device plugin has lost its registration or does not run; restart its pod.",
    ],
    [
      "a node that is cordoned and under pressure",
      {
        ...nodeOf(
          "a",
          { [gpu]: "2" },
          {
            spec: { unschedulable: true, taints: [{ key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" }] },
          },
        ),
        status: {
          capacity: { [gpu]: "2" },
          allocatable: { [gpu]: "2" },
          conditions: [
            { type: "Ready", status: "False" },
            { type: "DiskPressure", status: "True" },
          ],
        },
      },
      "Node a is not ready, and is cordoned, and has DiskPressure.",
    ],
  ])("is told of %s", (_name, node, words) => {
    expect(explain(podOf({ [gpu]: "1" }), [node]).lines[0]).toBe(words);
    expect(explain(podOf({ [gpu]: "1" }), [node]).isImpossible).toBe(false);
  });

  it("hears nothing where it fits, and of tolerated taints", () => {
    const tainted = nodeOf(
      "a",
      { [gpu]: "1" },
      { spec: { taints: [{ key: gpu, value: "present", effect: "NoSchedule" }] } },
    );
    const pod = podOf({ [gpu]: "1" }, { tolerations: [{ key: gpu, operator: "Exists", effect: "NoSchedule" }] });
    expect(explain(pod, [tainted])).toEqual({ isImpossible: false, lines: [] });
  });
});
