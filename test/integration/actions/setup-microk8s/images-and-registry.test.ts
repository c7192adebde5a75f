import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readInputs } from "../../../../actions/setup-microk8s/inputs.ts";
import { setupMicrok8s } from "../../../../actions/setup-microk8s/setup-microk8s.ts";
import { actionInput } from "../../../support/action-input.ts";
import { writeLayout } from "../../../support/image-layout.ts";
import { type MachineOptions, type Microk8sMachine, startMachine } from "../../../support/microk8s-machine.ts";

function setUp(job: Microk8sMachine["host"], inputs: Record<string, string>) {
  return setupMicrok8s(
    readInputs(actionInput("setup-microk8s", { distribution: "microk8s", addons: "registry", gpu: "off", ...inputs })),
    job,
  );
}

async function installed(options: MachineOptions = {}): Promise<Microk8sMachine> {
  const machine = await startMachine(options);
  machine.set("installed", "1.32/stable");
  return machine;
}

describe("images for a box without a way out", () => {
  it("are imported from layouts and archives, once", async () => {
    await using machine = await installed();
    const layout = join(machine.host.tempDirectory, "layout");
    const { digest } = await writeLayout(layout, { layers: [Buffer.from("layer")] });
    await setUp(machine.host, { "sideload-images": layout });
    expect(machine.changes()).toContain("microk8s ctr image import -");
    expect(machine.has("imported")).toBe(true);
    expect(machine.host.lines.filter((line) => line.startsWith("warning"))).toEqual([
      `warning: Image ${digest} of ${layout}: no pod can ask for it. Name it in its layout, as REGISTRY/REPOSITORY:TAG.`,
    ]);
    machine.set("images", `REF TYPE DIGEST\nlocal/app:1 application/vnd.oci.image.manifest.v1+json ${digest}\n`);
    const imports = machine.changes().length;
    await setUp(machine.anotherJob(), { "sideload-images": layout });
    expect(machine.changes()).toHaveLength(imports);
  });

  it("that are none, or do not exist, are refused before anything is done", async () => {
    await using machine = await startMachine();
    const file = join(machine.host.tempDirectory, "file.tar");
    writeFileSync(file, "no archive");
    await expect(setUp(machine.host, { "sideload-images": "/nobody/has.tar" })).rejects.toThrow("sideload-images");
    await expect(setUp(machine.host, { "sideload-images": file })).rejects.toThrow("sideload-images");
    expect(machine.changes()).toEqual([]);
  });

  it("that containerd cannot store fail with its words", async () => {
    await using machine = await installed();
    const layout = join(machine.host.tempDirectory, "layout");
    await writeLayout(layout, { layers: [Buffer.from("layer")] });
    machine.set("import-fails", "");
    await expect(setUp(machine.host, { "sideload-images": layout })).rejects.toMatchObject({
      code: "sideload-failed",
      message: expect.stringContaining("no space left on device") as string,
    });
  });
});

describe("the registry", () => {
  it("whose volume is not bound is named with its last event", async () => {
    await using machine = await installed({ bound: false });
    await expect(setUp(machine.host, { "wait-timeout": "8s" })).rejects.toMatchObject({
      code: "registry-volume-pending",
      message: expect.stringContaining("FailedBinding: no persistent volumes available") as string,
    });
  });

  it("whose volume has another size keeps it", async () => {
    await using machine = await installed();
    await setUp(machine.host, { "registry-size": "40Gi" });
    expect(machine.host.lines).toContain(
      "The registry's volume has 20Gi, not 40Gi: it is kept, as a new one would be empty.",
    );
  });
});
