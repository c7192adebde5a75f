import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import type { Manifest } from "../../../cli/action-manifest.ts";
import { installationRoot, readWorkflowManifest } from "../../../cli/action-manifest.ts";
import { type ConfigSources, readPipelineConfig } from "../../../cli/pipeline-config.ts";

const root = installationRoot();
const file = "examples/vector-add/.github/workflows/gpu.yml";
const manifest: Manifest = await readWorkflowManifest(root, "workflows/gpu-ci.yml");
const read = (sources: Partial<ConfigSources>) =>
  readPipelineConfig({ manifest, file, options: new Map(), inputs: new Map(), directory: root, env: {}, ...sources });

describe("the configuration of a pipeline", () => {
  it("is the caller's with block over the defaults of gpu-ci.yml", async () => {
    const config = await read({});
    expect(["test-command", "results", "gpus", "timeout", "working-directory"].map(config.get)).toEqual([
      "make test",
      "build/results/*.xml",
      "auto",
      "30m",
      resolve(root, "examples/vector-add"),
    ]);
  });

  it("is overruled by options, then by the environment", async () => {
    const config = await read({
      options: new Map([["gpus", "1"]]),
      env: { GPU_CI_INPUT_GPUS: "2", GPU_CI_INPUT_CPU: "4" },
    });
    expect(["gpus", "cpu"].map(config.get)).toEqual(["1", "4"]);
  });

  it("names a required input that nobody gave", async () => {
    await expect(read({ file: undefined, directory: resolve(root, "lib") })).rejects.toThrow(
      "Input test-command is empty; allowed: a value, this input is required.\nNo workflow under .github/workflows uses gpu-ci.yml here; give it by --test-command VALUE.",
    );
  });
});
