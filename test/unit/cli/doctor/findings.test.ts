import { describe, expect, it } from "vitest";
import { buildFindings } from "../../../../cli/doctor/build-findings.ts";
import { engineFindings } from "../../../../cli/doctor/engine-findings.ts";
import { gpuFindings } from "../../../../cli/doctor/gpu-findings.ts";
import { CommandError, type Exec } from "../../../../lib/exec.ts";

/** A machine that has these programs alone, each with what it prints. */
function machine(programs: Readonly<Record<string, string>>): Exec {
  return async (command, args) => {
    const stdout = programs[command];
    if (stdout === undefined) throw new CommandError(command, args, 127, "ENOENT");
    return { stdout, stderr: "", exitCode: 0 };
  };
}

describe("doctor", () => {
  it("calls a machine without a builder unfit, with the remedy", async () => {
    const [builder] = await buildFindings(machine({ "apt-get": "apt 2.6.1" }));
    expect(builder).toEqual({
      topic: "builder",
      state: "missing",
      found: "neither buildah, BuildKit nor docker buildx",
      remedy: "apt-get install -y buildah",
    });
  });

  it("misses a container engine only where no cluster is configured", async () => {
    const states = async (cluster: boolean) => (await engineFindings(machine({}), cluster)).map(({ state }) => state);
    expect([await states(false), await states(true)]).toEqual([["missing"], ["absent"]]);
  });

  it("takes runc for a container runtime", async () => {
    const findings = await engineFindings(
      machine({ podman: "podman version 4.3.1", runc: "runc version 1.1.5" }),
      false,
    );
    expect(findings.map(({ topic, state }) => [topic, state])).toEqual([
      ["container engine", "ok"],
      ["container runtime", "ok"],
    ]);
  });

  it.each([
    ["NVIDIA Container Toolkit CLI version 1.17.7", "limited"],
    ["NVIDIA Container Toolkit CLI version 1.17.8", "ok"],
    ["NVIDIA Container Toolkit CLI version 1.18.0", "ok"],
    ["NVIDIA Container Toolkit CLI version 2.0.0", "ok"],
  ])("judges %s as %s", async (version, state) => {
    const findings = await gpuFindings(machine({ "nvidia-smi": "A100, 550.1, 40960 MiB\n", "nvidia-ctk": version }));
    expect(findings.map((finding) => finding.state)).toEqual(["ok", state]);
  });

  it("needs no GPU of its own", async () => {
    expect((await gpuFindings(machine({}))).map(({ state }) => state)).toEqual(["absent"]);
  });
});
