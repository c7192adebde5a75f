import { run } from "../../lib/action/run.ts";
import { buildBaseImage } from "./build-base-image.ts";
import { readInputs } from "./inputs.ts";
import { writeOutputs } from "./outputs.ts";

await run(async (host) => writeOutputs(host.output, await buildBaseImage(readInputs(host.input), host)));
