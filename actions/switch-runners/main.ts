import { run } from "../../lib/action/run.ts";
import { readInputs } from "./inputs.ts";
import { writeOutputs } from "./outputs.ts";
import { switchRunners } from "./switch-runners.ts";

await run(async (host) => writeOutputs(host.output, await switchRunners(readInputs(host.input), host)));
