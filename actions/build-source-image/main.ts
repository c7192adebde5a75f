import { run } from "../../lib/action/run.ts";
import { buildSourceImage } from "./build-source-image.ts";
import { readInputs } from "./inputs.ts";
import { writeOutputs } from "./outputs.ts";

await run(async (host) => writeOutputs(host.output, await buildSourceImage(readInputs(host.input), host)));
