import { readInputs } from "../../actions/run-k8s-gpu-test/inputs.ts";
import { writeOutputs } from "../../actions/run-k8s-gpu-test/outputs.ts";
import { runK8sGpuTest } from "../../actions/run-k8s-gpu-test/run-k8s-gpu-test.ts";
import { actionInput } from "./action-input.ts";
import { createTestHost, type TestHost } from "./test-host.ts";

export interface GpuTestRunOptions {
  readonly inputs: Readonly<Record<string, string>>;
  /** Default is that of this process. */
  readonly env?: NodeJS.ProcessEnv;
  /** Called with every line that the story says, to interfere at a known point. */
  readonly onLine?: (line: string) => void;
}

/** One run of the story run-k8s-gpu-test with its host; dispose it to remove the files that it left. */
export interface GpuTestRun extends AsyncDisposable {
  readonly host: TestHost;
  readonly exitCode: number;
  readonly outputs: Readonly<Record<string, string>>;
  /** What the step printed of the test's log. */
  readonly console: string;
}

/** Runs the story on the cluster that KUBECONFIG names. */
export async function runGpuTest({ inputs, env, onLine }: GpuTestRunOptions): Promise<GpuTestRun> {
  const host = createTestHost(env ? { env } : {});
  const info = (line: string) => {
    host.log.info(line);
    onLine?.(line);
  };
  const run = { ...host.run, id: `e2e-${process.pid}-${performance.now().toFixed(0)}` };
  const values = actionInput("run-k8s-gpu-test", { "working-directory": host.tempDirectory, ...inputs });
  const result = await runK8sGpuTest(readInputs(values), { ...host, log: { ...host.log, info }, run });
  writeOutputs(host.output, result);
  return {
    host,
    exitCode: result.stepExitCode,
    outputs: host.outputs,
    console: host.consoleText(),
    [Symbol.asyncDispose]: () => host[Symbol.asyncDispose](),
  };
}
