import type { Command, CommandContext } from "./command-context.ts";
import { helpText } from "./help-text.ts";
import { nearestWord } from "./nearest-word.ts";
import { UsageError } from "./usage-error.ts";

const subcommands = {
  status: "Show the switch, and the runners with what they do.",
  drain: "Take no new jobs; running ones finish, or are ended after --deadline.",
  resume: "Take jobs again.",
  install: "Put runners into a cluster: chart and token, then wait until one is registered.",
  controller: "Keep runners until stopped; this is what the chart runs.",
} as const;

/** `gpu-ci runners SUBCOMMAND`: the runners of a cluster. Each subcommand's modules are loaded when it is asked for. */
export async function runnersCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h") {
    const help = helpText("gpu-ci runners SUBCOMMAND [options]", "The runners of a cluster.", [
      { title: "Subcommands", rows: Object.entries(subcommands) },
    ]);
    (name === undefined ? context.stderr : context.stdout).write(`${help}\n`);
    return name === undefined ? 2 : 0;
  }
  return await (await findSubcommand(name))(rest, context);
}

async function findSubcommand(name: string): Promise<Command> {
  if (name === "status") return (await import("./runners/status-command.ts")).statusCommand;
  if (name === "drain") return (await import("./runners/switch-command.ts")).drainCommand;
  if (name === "resume") return (await import("./runners/switch-command.ts")).resumeCommand;
  if (name === "install") return (await import("./runners/install-command.ts")).installCommand;
  if (name === "controller") return (await import("./runners/controller-command.ts")).controllerCommand;
  const near = nearestWord(name, Object.keys(subcommands));
  throw new UsageError(`There is no 'gpu-ci runners ${name}'.${near ? ` Did you mean ${near}?` : ""}`);
}
