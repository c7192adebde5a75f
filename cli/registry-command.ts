import type { Command, CommandContext } from "./command-context.ts";
import { type CommandOption, parseOptions } from "./command-options.ts";
import { helpText, optionRows } from "./help-text.ts";
import { optionInput } from "./option-input.ts";
import { pruneOptions, readPruneInputs } from "./registry/prune-options.ts";
import { pruneRegistry } from "./registry/prune-registry.ts";
import { pruneJson, pruneText } from "./registry/prune-report.ts";
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
const description =
  "Deletes images that no rule keeps, and says of every tag whether it goes and why. An image stays with all its tags as long as one of them has to stay.";

/** `gpu-ci registry prune`: 0 when it was done, 3 when garbage could not be collected because the registry is in use, or when an image is found damaged afterwards. */
export const registryCommand: Command = async (argv, context) => {
  const [verb, ...rest] = argv;
  if (verb !== "prune" && verb !== "--help" && verb !== "help") {
    throw new UsageError(`There is no command registry ${verb ?? "without a verb"}. There is: gpu-ci registry prune.`);
  }
  const options = [...pruneOptions, ...outputOptions];
  const { values, positionals } = parseOptions(verb === "prune" ? rest : ["--help"], options);
  if (values.get("help") === "true") {
    context.stdout.write(`${pruneHelp(options)}\n`);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`registry prune takes options only, not ${positionals.join(" ")}.`);
  return prune(values, context);
};

async function prune(values: ReadonlyMap<string, string>, context: CommandContext): Promise<number> {
  const manifest = { name: "registry prune", description, options: pruneOptions, outputs: {} };
  const input = optionInput(manifest, values, context.env);
  const inputs = readPruneInputs(input);
  const screen = new TerminalScreen(context.stderr);
  using interruption = listenForInterruption((line) => screen.print(line));
  using temp = createTempDirectory();
  const { env } = context;
  const log = terminalLog(screen, { collapse: false, verbose: true });
  const { signal } = interruption;
  const host = terminalHost({ input, screen, log, signal, env, tempDirectory: temp.path, run: terminalRun(env) });
  const report = await pruneRegistry(inputs, host);
  context.stdout.write(values.get("json") === "true" ? pruneJson(report) : pruneText(report));
  const { refused, damaged = [] } = report.garbage ?? {};
  return refused === undefined && damaged.length === 0 ? 0 : 3;
}

function pruneHelp(options: readonly CommandOption[]): string {
  return helpText("gpu-ci registry prune [options]", description, [
    { title: "Options", rows: optionRows(options) },
    {
      title: "Environment",
      rows: [["GPU_CI_INPUT_<NAME>", "Stands for the option --name; a password does not belong on a command line."]],
    },
  ]);
}
