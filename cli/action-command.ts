import type { Manifest } from "./action-manifest.ts";
import { readActionManifest } from "./action-manifest.ts";
import type { CommandContext } from "./command-context.ts";
import { type CommandOption, parseOptions } from "./command-options.ts";
import { helpText, optionRows } from "./help-text.ts";
import { optionInput } from "./option-input.ts";
import { resultText } from "./result-text.ts";
import { listenForInterruption } from "./signals.ts";
import { createTempDirectory } from "./temp-directory.ts";
import { terminalHost, terminalRun } from "./terminal-host.ts";
import { terminalLog } from "./terminal-log.ts";
import { TerminalScreen } from "./terminal-screen.ts";
import { UsageError } from "./usage-error.ts";
import { verbs } from "./verbs.ts";

/** Options of every verb beside those of its action. */
export const verbOptions: readonly CommandOption[] = [
  flag("json", "Print the outputs on stdout as one JSON document."),
  flag("verbose", "Print every line a stage has to say."),
  flag("help", "Print this text."),
];

/** Runs the story of one action with options made from its action.yml; its outputs go to stdout, everything else to stderr. */
export async function actionCommand(name: string, argv: readonly string[], context: CommandContext): Promise<number> {
  const manifest = await readActionManifest(context.root, name);
  const { values, positionals } = parseOptions(argv, [...manifest.options, ...verbOptions]);
  if (values.get("help") === "true") {
    context.stdout.write(`${verbHelp(manifest)}\n`);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`${name} takes options only, not ${positionals.join(" ")}.`);
  const verb = verbs[name];
  if (!verb) throw new UsageError(`${name} cannot be run in a terminal.`);

  const screen = new TerminalScreen(context.stderr);
  using interruption = listenForInterruption((line) => screen.print(line));
  using temp = createTempDirectory();
  const host = terminalHost({
    input: optionInput(manifest, values, context.env),
    screen,
    log: terminalLog(screen, { collapse: false, verbose: values.get("verbose") === "true" }),
    signal: interruption.signal,
    env: context.env,
    tempDirectory: temp.path,
    run: terminalRun(context.env),
  });
  try {
    return (await verb(host)) ?? 0;
  } finally {
    if ([...host.outputs.values()].some((value) => value.startsWith(temp.path))) temp.keep();
    // Outputs are written on failure too: they name the case.
    context.stdout.write(resultText(host.outputs, values.get("json") === "true"));
  }
}

function verbHelp(manifest: Manifest): string {
  return helpText(`gpu-ci ${manifest.name} [options]`, manifest.description, [
    { title: "Options (repeat one that takes a list)", rows: optionRows(manifest.options) },
    { title: "Options of every command", rows: optionRows(verbOptions) },
    { title: "Outputs", rows: Object.entries(manifest.outputs) },
    {
      title: "Environment",
      rows: [
        ["GPU_CI_INPUT_<NAME>", "Stands for the option --name; a password or token does not belong on a command line."],
      ],
    },
  ]);
}

function flag(name: string, description: string): CommandOption {
  return { name, description, default: undefined, required: false, boolean: true };
}
