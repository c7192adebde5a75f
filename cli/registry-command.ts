import { styleText } from "node:util";
import { readInputs } from "../actions/registry-care/inputs.ts";
import { pruneRegistry } from "../actions/registry-care/registry-care.ts";
import { type PruneReport, pruneJson, pruneLines, pruneRows, pruneSums } from "../lib/oci/prune-report.ts";
import { type Manifest, readActionManifest } from "./action-manifest.ts";
import type { Command, CommandContext } from "./command-context.ts";
import { type CommandOption, parseOptions } from "./command-options.ts";
import { helpText, optionRows } from "./help-text.ts";
import { optionInput } from "./option-input.ts";
import { listenForInterruption } from "./signals.ts";
import { createTempDirectory } from "./temp-directory.ts";
import { terminalHost, terminalRun } from "./terminal-host.ts";
import { terminalLog } from "./terminal-log.ts";
import { TerminalScreen } from "./terminal-screen.ts";
import { UsageError } from "./usage-error.ts";

const plain = { default: undefined, required: false, boolean: true };
const outputOptions: readonly CommandOption[] = [
  { name: "json", description: "Print the report on stdout as one JSON document.", ...plain },
  { name: "help", description: "Print this text.", ...plain },
];

/**
 * `gpu-ci registry prune`, the story of registry-care with its table on stdout: 0 when it was done, 3 when garbage could not be collected because
 * the registry is in use, or when an image is found damaged afterwards.
 */
export const registryCommand: Command = async (argv, context) => {
  const [verb, ...rest] = argv;
  if (verb !== "prune" && verb !== "--help" && verb !== "help") {
    throw new UsageError(`There is no command registry ${verb ?? "without a verb"}. There is: gpu-ci registry prune.`);
  }
  const action = await readActionManifest(context.root, "registry-care");
  // A terminal has no job summary.
  const manifest = {
    ...action,
    name: "registry prune",
    options: action.options.filter(({ name }) => name !== "summary"),
  };
  const { values, positionals } = parseOptions(verb === "prune" ? rest : ["--help"], [
    ...manifest.options,
    ...outputOptions,
  ]);
  if (values.get("help") === "true") {
    context.stdout.write(`${pruneHelp(manifest)}\n`);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`registry prune takes options only, not ${positionals.join(" ")}.`);
  return prune(manifest, values, context);
};

async function prune(
  manifest: Manifest,
  values: ReadonlyMap<string, string>,
  { env, stdout, stderr }: CommandContext,
): Promise<number> {
  const given = optionInput(manifest, values, env);
  const input = (name: string) => (name === "summary" ? "false" : given(name));
  const inputs = readInputs(input);
  const screen = new TerminalScreen(stderr);
  using interruption = listenForInterruption((line) => screen.print(line));
  using temp = createTempDirectory();
  const log = terminalLog(screen, { collapse: false, verbose: true });
  const { signal } = interruption;
  const host = terminalHost({ input, screen, log, signal, env, tempDirectory: temp.path, run: terminalRun(env) });
  const report = await pruneRegistry(inputs, host);
  stdout.write(values.get("json") === "true" ? pruneJson(report) : pruneText(report));
  const { refused, damaged = [] } = report.garbage ?? {};
  return refused === undefined && damaged.length === 0 ? 0 : 3;
}

/** The report as a table, what goes first, and a line of sums. */
function pruneText(report: PruneReport): string {
  const rows = pruneRows(report);
  const lines = pruneLines(rows).map((line, at) =>
    styleText(rows[at]?.goes ? "red" : "dim", line, { stream: process.stdout }),
  );
  const table = rows.length === 0 ? [`${report.registry} has no image that was asked about.`] : lines;
  return `${[...table, "", ...pruneSums(report)].join("\n")}\n`;
}

function pruneHelp({ description, options }: Manifest): string {
  return helpText("gpu-ci registry prune [options]", description, [
    { title: "Options (repeat one that takes a list)", rows: optionRows([...options, ...outputOptions]) },
    {
      title: "Environment",
      rows: [["GPU_CI_INPUT_<NAME>", "Stands for the option --name; a password does not belong on a command line."]],
    },
  ]);
}
