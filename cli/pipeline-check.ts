import { readInputs as readSourceInputs } from "../actions/build-source-image/inputs.ts";
import { readInputs as readTestInputs } from "../actions/run-k8s-gpu-test/inputs.ts";
import type { GetInput } from "../lib/input.ts";
import { readActionManifest } from "./action-manifest.ts";
import { optionInput } from "./option-input.ts";
import { testInputNames } from "./pipeline.ts";
import type { PipelineConfig } from "./pipeline-config.ts";

const anyImage = `localhost/any@sha256:${"0".repeat(64)}`;

/** Reads the configuration as the later stages will, so that a wrong value is an InputError before the first stage begins. */
export async function checkPipelineConfig(root: string, config: PipelineConfig): Promise<void> {
  const test = Object.fromEntries(testInputNames.map((name) => [name, config.get(name)]));
  readTestInputs(await inputOf(root, "run-k8s-gpu-test", { ...test, image: anyImage }));
  const { tags, registry } = { tags: config.get("tags"), registry: config.get("registry") };
  readSourceInputs(
    await inputOf(root, "build-source-image", { base: config.get("base-image") || anyImage, tags, registry }),
  );
}

async function inputOf(root: string, action: string, given: Readonly<Record<string, string>>): Promise<GetInput> {
  return optionInput(await readActionManifest(root, action), new Map(Object.entries(given)), {});
}
