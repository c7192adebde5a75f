import { run } from "../../lib/action/run.ts";
import { readInputs } from "./inputs.ts";
import { writeOutputs } from "./outputs.ts";
import { promoteImage, requirePromoted } from "./promote-image.ts";

await run(async (host) => {
  const outputs = await promoteImage(readInputs(host.input), host);
  writeOutputs(host.output, outputs);
  requirePromoted(outputs);
});
