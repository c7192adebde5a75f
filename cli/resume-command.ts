import type { CommandContext } from "./command-context.ts";
import { parseOptions } from "./command-options.ts";
import { helpText, optionRows } from "./help-text.ts";
import { clusterOptions, plainOption, switchOption } from "./place-options.ts";
import { resultText } from "./result-text.ts";
import { listenForInterruption } from "./signals.ts";
import { createTempDirectory } from "./temp-directory.ts";
import { terminalHost, terminalRun } from "./terminal-host.ts";
import { terminalLog } from "./terminal-log.ts";
import { TerminalScreen } from "./terminal-screen.ts";
import { UsageError } from "./usage-error.ts";

const options = [
  ...clusterOptions,
  plainOption("namespace", "Namespace of the Job; default is the context's, else default."),
  {
    ...plainOption("working-directory", "Folder whose gpu-ci-results gets the log, the files and the report."),
    default: ".",
  },
  switchOption("json", "Print the outputs on stdout as one JSON document."),
  switchOption("help", "Print this text."),
];

/** `gpu-ci resume RUN`: goes on with a test whose runner died, and ends as it would have. */
export async function resumeCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseOptions(argv, options);
  if (values.get("help") === "true") {
    context.stdout.write(`${help()}\n`);
    return 0;
  }
  const [run] = positionals;
  if (run === undefined || positionals.length > 1)
    throw new UsageError("resume takes one run: the name of its Job. 'gpu-ci sweep --dry-run' lists what is there.");
  const [{ resumeK8sGpuTest }, { writeOutputs }] = await Promise.all([
    import("../actions/run-k8s-gpu-test/run-k8s-gpu-test.ts"),
    import("../actions/run-k8s-gpu-test/outputs.ts"),
  ]);
  const screen = new TerminalScreen(context.stderr);
  using interruption = listenForInterruption((line) => screen.print(line));
  using temp = createTempDirectory();
  const host = terminalHost({
    input: (name) => values.get(name) ?? "",
    screen,
    log: terminalLog(screen, { collapse: false, verbose: false }),
    signal: interruption.signal,
    env: context.env,
    tempDirectory: temp.path,
    run: terminalRun(context.env),
  });
  const place = {
    kubeconfig: values.get("kubeconfig"),
    context: values.get("context"),
    namespace: values.get("namespace"),
    workingDirectory: values.get("working-directory") ?? ".",
  };
  const outputs = await resumeK8sGpuTest({ run, ...place }, host);
  writeOutputs(host.output, outputs);
  context.stdout.write(resultText(host.outputs, values.get("json") === "true"));
  return outputs.stepExitCode;
}

function help(): string {
  const description =
    "Goes on with a test whose runner died. RUN is the name of its Job, or its label gpu-ci/run. The log is read from its first line, files come back as long as the test holds them (it does so for 30 s after its end), the verdict is the container's own, and the Job is removed. A Job that ended can be resumed for 10 minutes.";
  return helpText("gpu-ci resume RUN [options]", description, [{ title: "Options", rows: optionRows(options) }]);
}
