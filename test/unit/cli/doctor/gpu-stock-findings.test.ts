import { describe, expect, it } from "vitest";
import type { DevicePlugin } from "../../../../cli/doctor/device-plugins.ts";
import { gpuHolderFindings } from "../../../../cli/doctor/gpu-holder-findings.ts";
import { type GpuStock, gpuStockFindings } from "../../../../cli/doctor/gpu-stock-findings.ts";
import { nodeFindings } from "../../../../cli/doctor/node-findings.ts";
import type { GpuHolder } from "../../../../lib/kubernetes/gpu-holders.ts";
import type { Node } from "../../../../lib/kubernetes/resource.ts";

const resource = "nvidia.com/gpu";

function node(name: string, capacity?: number, allocatable = capacity, labels: Record<string, string> = {}): Node {
  const amount = (count: number | undefined) => (count === undefined ? {} : { [resource]: String(count) });
  const conditions = [{ type: "Ready", status: "True" }];
  return {
    metadata: { name, labels },
    status: { capacity: amount(capacity), allocatable: amount(allocatable), conditions },
  };
}

function stock(nodes: readonly Node[], parts: Partial<GpuStock> = {}): GpuStock {
  return { resource, nodes, plugins: [], holders: [], waiting: 0, ...parts };
}

function holder(pod: string, parts: Partial<GpuHolder> = {}): GpuHolder {
  const rest = { namespace: "team", node: "a", owner: undefined, amount: 1, ageMs: 90_000, isRunner: false };
  return { pod, ...rest, ...parts };
}

const plugin = (ready: number): DevicePlugin => ({
  name: "kube-system/nvidia-device-plugin",
  ready,
  wanted: 1,
  troubles: [],
});

describe("GPUs of a cluster", () => {
  it.each<[string, GpuStock, readonly (string | undefined)[]]>([
    ["nothing is installed", stock([node("a")]), ["gpu-stack-missing"]],
    ["the plugin is there and does not run", stock([node("a")], { plugins: [plugin(0)] }), ["plugin-not-running"]],
    ["the plugin runs and sees no GPU", stock([node("a")], { plugins: [plugin(1)] }), ["plugin-sees-no-gpu"]],
    ["the plugin lost its registration", stock([node("a", 0)], { plugins: [plugin(1)] }), ["plugin-registration-lost"]],
    ["some GPUs are unhealthy", stock([node("a", 4, 3), node("b", 2)]), [undefined, "gpu-unhealthy"]],
    ["all GPUs are unhealthy", stock([node("a", 4, 0)]), ["gpu-unhealthy"]],
    ["all is well", stock([node("a", 2), node("b")]), [undefined]],
  ])("are judged where %s", (_name, given, codes) => {
    expect(gpuStockFindings(given).map(({ code }) => code)).toEqual(codes);
  });

  it("are told with their number, product, sharing and use in one line", () => {
    const labels = { "nvidia.com/gpu.product": "A100", "nvidia.com/gpu.sharing-strategy": "time-slicing" };
    const [line] = gpuStockFindings(stock([node("a", 8, 8, labels)], { holders: [holder("one")], waiting: 2 }));
    expect(line?.found).toBe(
      "8 allocatable nvidia.com/gpu on 1 node; A100; 1 held; 2 pods wait for one; shared by time-slicing: a test sees its neighbours' memory and faults",
    );
  });

  it("name their holders once none is left", () => {
    const holders = [holder("trainer-x", { owner: "Job trainer", ageMs: 7_200_000 }), holder("notebook")];
    expect(gpuHolderFindings(stock([node("a", 3)], { holders }))).toEqual([]);
    expect(gpuHolderFindings(stock([node("a", 2)], { holders }))).toEqual([
      {
        group: "gpus",
        topic: "GPU holders",
        state: "limited",
        code: "gpus-busy",
        found:
          "all 2 nvidia.com/gpu are held: team/trainer-x of Job trainer (1, for 2 h 0 m), team/notebook (1, for 1 m 30 s)",
        cause: "a new test waits until one of them ends",
        remedy: "Wait, or end what is not needed: kubectl delete job trainer --namespace=team",
      },
    ]);
  });

  it("that runners hold are idle, and all of them in runners' hands are a deadlock", () => {
    const holders = [holder("runner-1", { isRunner: true })];
    const judge = (gpus: number) =>
      gpuHolderFindings(stock([node("a", gpus)], { holders })).map(({ state, code }) => [state, code]);
    expect([judge(2), judge(1)]).toEqual([[["limited", "runner-holds-gpu"]], [["missing", "runner-deadlock"]]]);
  });

  it("are not looked for on nodes that are away", () => {
    const away: Node = { metadata: { name: "b" }, status: { conditions: [{ type: "Ready", status: "Unknown" }] } };
    const cordoned: Node = { ...node("c"), spec: { unschedulable: true } };
    const judge = (...nodes: readonly Node[]) => nodeFindings(nodes).map(({ state, code }) => [state, code]);
    expect([judge(node("a"), away, cordoned), judge(away)]).toEqual([
      [
        ["ok", undefined],
        ["limited", "node-not-ready"],
        ["limited", "node-cordoned"],
      ],
      [["missing", "node-not-ready"]],
    ]);
  });
});
