import { run } from "../../lib/action/run.ts";
import { readInputs } from "./inputs.ts";
import { writeOutputs } from "./outputs.ts";
import { registryCare, requireCared } from "./registry-care.ts";

await run(async (host) => {
  const outputs = await registryCare(readInputs(host.input), host);
  writeOutputs(host.output, outputs);
  requireCared(outputs);
});
