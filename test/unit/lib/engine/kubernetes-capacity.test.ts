import { describe, expect, it } from "vitest";
import { largestAllocatable } from "../../../../lib/engine/kubernetes-capacity.ts";
import type { Node } from "../../../../lib/kubernetes/resource.ts";

const gpu = "nvidia.com/gpu";

function nodeOf(amount: string, spec: Node["spec"] = {}): Node {
  const conditions = [{ type: "Ready", status: "True" }];
  return { metadata: { name: "n" }, spec, status: { allocatable: { [gpu]: amount }, conditions } };
}

describe("largestAllocatable", () => {
  it("leaves out nodes that are cordoned or not ready", () => {
    const lost: Node = { status: { allocatable: { [gpu]: "8" }, conditions: [{ type: "Ready", status: "Unknown" }] } };
    const cordoned = nodeOf("9", { unschedulable: true });
    expect([largestAllocatable([lost, cordoned, nodeOf("2")], gpu), largestAllocatable([lost], gpu)]).toEqual([2, 0]);
  });
});
