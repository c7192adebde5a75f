import { run } from "../../lib/action/run.ts";
import { endCommitStatus } from "./commit-status.ts";
import { readInputs } from "./inputs.ts";
import { removeLeftovers } from "./remove-leftovers.ts";

await run(async (host) => {
  await removeLeftovers(() => readInputs(host.input), host);
  await endCommitStatus(() => readInputs(host.input), host);
});
