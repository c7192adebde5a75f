import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/run-k8s-gpu-test/inputs.ts";
import { actionInput } from "../../../support/action-input.ts";

const image = "localhost:32000/acme/app:1.0";
const read = (values: Record<string, string>) => readInputs(actionInput("run-k8s-gpu-test", { image, ...values }));

describe("inputs of run-k8s-gpu-test", () => {
  it("reads placement and mounts", () => {
    const inputs = read({
      tolerations: "a\nb=c:NoSchedule\nd:NoExecute",
      volumes: "pvc:data:/data:ro\nempty::/scratch\nempty:1Gi:/big",
      "run-as": "7:8",
      gpus: "2",
      "pod-patch": "spec:\n  hostname: h\n",
    });
    expect(inputs.tolerations).toEqual([
      { key: "a", value: undefined, effect: undefined },
      { key: "b", value: "c", effect: "NoSchedule" },
      { key: "d", value: undefined, effect: "NoExecute" },
    ]);
    expect(inputs.volumes).toEqual([
      { kind: "pvc", source: "data", mountPath: "/data", readOnly: true },
      { kind: "empty", source: "", mountPath: "/scratch", readOnly: false },
      { kind: "empty", source: "1Gi", mountPath: "/big", readOnly: false },
    ]);
    expect([inputs.runAs, inputs.gpus, inputs.podPatch]).toEqual([{ uid: 7, gid: 8 }, 2, { spec: { hostname: "h" } }]);
  });

  it.each([
    ["image", "", /Input image is empty/],
    ["image", "UPPER CASE", /Input image is "UPPER CASE"/],
    ["gpus", "one", /Input gpus is "one"; allowed: auto, or a whole number/],
    ["gpu-resource", "gpu", /DOMAIN\/NAME/],
    ["memory", "16 gigs", /Input memory is "16 gigs"/],
    ["run-as", "root", /image, nonroot, or UID/],
    ["tolerations", "a:Never", /lines of KEY/],
    ["volumes", "nfs:x:/y", /lines of KIND:SOURCE:PATH/],
    ["volumes", "pvc::/y", /lines of KIND:SOURCE:PATH/],
    ["results", "../x.xml", /without \.\./],
    ["artifacts", "**/a/**/b", /at most one \*\*\//],
    ["pod-patch", "containers: []", /Input pod-patch is "containers"/],
    ["pod-patch", "- a", /a YAML or JSON map/],
    ["pod-patch", "{", /a YAML or JSON map/],
    ["engine", "k3s", /auto, kubernetes, podman, docker/],
    ["timeout", "0", /a duration/],
    ["env", "1A=2", /Input env is "1A"/],
    ["namespace", "Team A", /the name of a Kubernetes object/],
  ])("refuses %s: %s", (name, value, message) => {
    expect(() => read({ [name]: value })).toThrow(message);
  });

  it("refuses patterns that nothing would collect", () => {
    expect(() => read({ wrap: "false", artifacts: "logs" })).toThrow(/only paths under \/gpu-ci\/out/);
    expect(read({ wrap: "false", artifacts: "/gpu-ci/out/logs" }).artifacts).toEqual(["/gpu-ci/out/logs"]);
  });
});
