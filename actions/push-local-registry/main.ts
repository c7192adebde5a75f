import { run } from "../../lib/action/run.ts";
import { readInputs } from "./inputs.ts";
import { writeOutputs } from "./outputs.ts";
import { pushLocalRegistry } from "./push-local-registry.ts";

await run(async (host) => writeOutputs(host.output, await pushLocalRegistry(readInputs(host.input), host)));
