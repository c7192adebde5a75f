import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/setup-microk8s/inputs.ts";
import { writeOutputs } from "../../../../actions/setup-microk8s/outputs.ts";
import { setupMicrok8s } from "../../../../actions/setup-microk8s/setup-microk8s.ts";
import { undoSetup } from "../../../../actions/setup-microk8s/undo-setup.ts";
import { actionInput } from "../../../support/action-input.ts";
import { type Microk8sMachine, startMachine } from "../../../support/microk8s-machine.ts";

const setUp = ({ host }: Microk8sMachine, inputs: Record<string, string> = {}) =>
  setupMicrok8s(readInputs(actionInput("setup-microk8s", { distribution: "optional", ...inputs })), host);

describe("a cluster that may be missing", () => {
  it("is said to be missing in one line, without an error, and nothing is changed", async () => {
    await using machine = await startMachine();
    writeOutputs(machine.host.output, await setUp(machine));
    const said = Object.entries(machine.host.outputs).filter(([, value]) => value !== "");
    expect(said).toEqual([
      ["created", "false"],
      ["gpu-count", "0"],
    ]);
    expect(machine.host.lines).toEqual(["No cluster is configured: this job goes on without one."]);
    await undoSetup(machine.host);
    expect(machine.changes()).toEqual([]);
  });

  it("is adopted where one is configured", async () => {
    await using machine = await startMachine();
    const outputs = await setUp(machine, { kubeconfig: machine.api.kubeconfig() });
    expect([outputs.version, outputs.created]).toEqual(["v1.32.9", false]);
    expect(machine.changes()).toEqual([]);
  });

  it("is an error where one is configured and does not answer, or where a GPU is required", async () => {
    await using machine = await startMachine();
    await expect(setUp(machine, { kubeconfig: "/nonexistent/config" })).rejects.toMatchObject({
      code: "kubeconfig-missing",
    });
    await expect(setUp(machine, { gpu: "required" })).rejects.toMatchObject({ code: "kubeconfig-missing" });
    expect(() =>
      readInputs(actionInput("setup-microk8s", { distribution: "optional", "sideload-images": "x" })),
    ).toThrow("allowed: empty with distribution optional");
  });
});
