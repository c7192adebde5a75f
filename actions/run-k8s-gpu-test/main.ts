import { run } from "../../lib/action/run.ts";
import { readInputs } from "./inputs.ts";
import { writeFailure, writeVerdict } from "./outputs.ts";
import { runK8sGpuTest } from "./run-k8s-gpu-test.ts";

await run(async (host) => writeVerdict(host, await runK8sGpuTest(readInputs(host.input), host)), writeFailure);
