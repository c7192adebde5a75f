import { run } from "../../lib/action/run.ts";
import { readInputs } from "./inputs.ts";
import { writeOutputs } from "./outputs.ts";
import { setupMicrok8s } from "./setup-microk8s.ts";

await run(async (host) => writeOutputs(host.output, await setupMicrok8s(readInputs(host.input), host)));
