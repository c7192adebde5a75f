import { run } from "../../lib/action/run.ts";
import { readInputs } from "./inputs.ts";
import { removeLeftovers } from "./remove-leftovers.ts";

await run((host) => removeLeftovers(() => readInputs(host.input), host));
