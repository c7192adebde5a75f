import { run } from "../../lib/action/run.ts";
import { readInputs } from "./inputs.ts";
import { writeFailure, writeOutputs } from "./outputs.ts";
import { runK8sGpuTest } from "./run-k8s-gpu-test.ts";

await run(async (host) => {
  const outputs = await runK8sGpuTest(readInputs(host.input), host);
  writeOutputs(host.output, outputs);
  return outputs.stepExitCode;
}, writeFailure);
