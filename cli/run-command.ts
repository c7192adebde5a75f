import { join, relative, resolve } from "node:path";
import { findKubeconfig } from "../lib/kubernetes/client.ts";
import { type Manifest, readWorkflowManifest } from "./action-manifest.ts";
import type { CommandContext } from "./command-context.ts";
import { parseOptions } from "./command-options.ts";
import { helpText, optionRows } from "./help-text.ts";
import { type PipelinePlace, runPipeline } from "./pipeline.ts";
import { checkPipelineConfig } from "./pipeline-check.ts";
import { readPipelineConfig } from "./pipeline-config.ts";
import { recordedRun } from "./recorded-run.ts";
import { resultText } from "./result-text.ts";
import { readGivenInputs, readSecrets, runOptions, workflowOptions } from "./run-options.ts";
import { listenForInterruption } from "./signals.ts";
import { TerminalScreen } from "./terminal-screen.ts";
import { UsageError } from "./usage-error.ts";

/** `gpu-ci run [FILE]`: the pipeline of workflows/gpu-ci.yml on the working tree of the current folder. */
export async function runCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const manifest = await readWorkflowManifest(context.root, "workflows/gpu-ci.yml");
  const { values, positionals } = parseOptions(argv, [...workflowOptions(manifest), ...runOptions]);
  if (values.get("help") === "true") {
    context.stdout.write(`${runHelp(manifest)}\n`);
    return 0;
  }
  if (positionals.length > 1) throw new UsageError(`run takes one workflow file, not ${positionals.join(" ")}.`);

  const directory = process.cwd();
  const config = await readPipelineConfig({
    manifest,
    file: positionals[0],
    options: values,
    inputs: readGivenInputs(values.get("input")),
    directory,
    env: context.env,
  });
  await checkPipelineConfig(context.root, config);
  const place = readPlace(values, context);
  const screen = new TerminalScreen(context.stderr);
  using interruption = listenForInterruption((line) => screen.print(line));
  const folder = resolve(directory, values.get("output") ?? ".gpu-ci");
  const { signal } = interruption;
  const run = { ...context, title: "gpu-ci run", folder, screen, signal, verbose: values.get("verbose") === "true" };
  const { exitCode, summary } = await recordedRun(run, (stages, outputs) =>
    runPipeline({ config, place, stages, outputs, folder }),
  );
  const shown = relative(directory, folder);
  screen.print(`Summary: ${join(shown.startsWith("..") ? folder : shown, "summary.html")}`);
  context.stdout.write(resultText(new Map(Object.entries(summary.outputs)), values.get("json") === "true"));
  return exitCode;
}

function readPlace(values: ReadonlyMap<string, string>, context: CommandContext): PipelinePlace {
  const kubeconfig = values.get("kubeconfig");
  const configured = findKubeconfig({ kubeconfig, env: context.env }) !== undefined;
  return {
    kubeconfig: configured ? (kubeconfig ?? "") : undefined,
    context: values.get("context"),
    secrets: readSecrets(values.get("secret-env"), context),
  };
}

function runHelp(manifest: Manifest): string {
  return helpText(
    "gpu-ci run [FILE] [options]",
    "Runs the pipeline of gpu-ci.yml on the working tree, uncommitted changes included. FILE is a caller workflow, whose with: block is the configuration; default is the one under .github/workflows that uses gpu-ci.yml. Options win over it.",
    [
      { title: "Options", rows: optionRows(runOptions) },
      { title: "Inputs of the workflow", rows: optionRows(workflowOptions(manifest)) },
      { title: "Outputs", rows: Object.entries(manifest.outputs) },
      {
        title: "Environment",
        rows: [
          ["GPU_CI_INPUT_<NAME>", "Stands for the option --name."],
          [
            "GPU_CI_INPUT_REGISTRY_USERNAME",
            "User name for the registry; GPU_CI_INPUT_REGISTRY_PASSWORD its password.",
          ],
        ],
      },
    ],
  );
}
