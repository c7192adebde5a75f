import { run } from "../../lib/action/run.ts";
import { readInputs } from "./inputs.ts";
import { nextVersion } from "./next-version.ts";
import { writeOutputs } from "./outputs.ts";

await run(async (host) => writeOutputs(host.output, await nextVersion(readInputs(host.input), host)));
