import { run } from "../../lib/action/run.ts";
import { githubRelease } from "./github-release.ts";
import { readInputs } from "./inputs.ts";
import { writeOutputs } from "./outputs.ts";

await run(async (host) => writeOutputs(host.output, await githubRelease(readInputs(host.input), host)));
