import { describe, expect, it } from "vitest";
import { explainCapacity, holdersOf, largestAllocatable } from "../../../../lib/engine/kubernetes-capacity.ts";
import type { Node, Pod } from "../../../../lib/kubernetes/resource.ts";
import { testPodOf } from "../../../support/test-pod.ts";

const gpu = "nvidia.com/gpu";

function nodeOf(capacity: Record<string, string>, allocatable = capacity, spec: Node["spec"] = {}): Node {
  const conditions = [{ type: "Ready", status: "True" }];
  return { metadata: { name: "n", labels: { zone: "a" } }, spec, status: { capacity, allocatable, conditions } };
}

describe("explainCapacity", () => {
  it.each([
    ["no device plugin", [nodeOf({ cpu: "4" })], { gpus: 1 }, true, "No node offers nvidia.com/gpu"],
    [
      "more than the largest node",
      [nodeOf({ [gpu]: "2" }), nodeOf({ [gpu]: "4" })],
      { gpus: 5 },
      true,
      "the largest node has 4",
    ],
    ["unhealthy GPUs", [nodeOf({ [gpu]: "2" }, { [gpu]: "0" })], { gpus: 1 }, false, "2 of 2 nvidia.com/gpu"],
    ["a lost registration", [nodeOf({ [gpu]: "0" })], { gpus: 1 }, false, "offer 0 now"],
    ["more memory than there is", [nodeOf({ memory: "8Gi" })], { memory: "9G" }, true, "9G of memory"],
    ["more CPUs than there are", [nodeOf({ cpu: "2" })], { cpu: "2500m" }, true, "2500m of cpu"],
  ])("answers to %s", (_name, nodes, request, isImpossible, words) => {
    const answer = explainCapacity(nodes, testPodOf(request));
    expect(answer?.isImpossible).toBe(isImpossible);
    expect(answer?.words).toContain(words);
  });

  it("names labels that no node has", () => {
    const placement = { ...testPodOf().placement, nodeSelector: { zone: "b" } };
    expect(explainCapacity([nodeOf({})], testPodOf({ placement }))).toEqual({
      isImpossible: true,
      words: "None of the 1 nodes has the labels of node-selector: zone=b.",
    });
  });

  it("has nothing to say where the request fits", () => {
    expect(
      explainCapacity(
        [nodeOf({ [gpu]: "1", cpu: "4", memory: "8Gi" })],
        testPodOf({ gpus: 1, cpu: "4", memory: "8Gi" }),
      ),
    ).toBeUndefined();
  });
});

describe("largestAllocatable", () => {
  it("leaves out nodes that are cordoned or not ready", () => {
    const lost: Node = { status: { allocatable: { [gpu]: "8" }, conditions: [{ type: "Ready", status: "Unknown" }] } };
    const cordoned = nodeOf({ [gpu]: "9" }, { [gpu]: "9" }, { unschedulable: true });
    expect([
      largestAllocatable([lost, cordoned, nodeOf({ [gpu]: "2" })], gpu),
      largestAllocatable([lost], gpu),
    ]).toEqual([2, 0]);
  });
});

describe("holdersOf", () => {
  it("names the pods that hold a GPU", () => {
    const holder: Pod = {
      metadata: { namespace: "team", name: "train" },
      spec: { containers: [{ name: "c", resources: { limits: { [gpu]: "2" } } }] },
      status: { startTime: "2026-01-01T00:00:00Z" },
    };
    expect(holdersOf([holder, { spec: { containers: [{ name: "c" }] } }], gpu)).toBe(
      "team/train (2, since 2026-01-01T00:00:00Z)",
    );
  });
});
