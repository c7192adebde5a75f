import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { CancelledError, describeError, exitCodeOfError } from "../lib/error.ts";
import { installationRoot, listActions, readActionManifest } from "./action-manifest.ts";
import type { Command, CommandContext, Terminal } from "./command-context.ts";
import { helpText } from "./help-text.ts";
import { nearestWord } from "./nearest-word.ts";
import { UsageError } from "./usage-error.ts";

const ownCommands = {
  run: "Run the whole pipeline on this working tree, uncommitted changes included.",
  doctor: "Say what this machine can do and what is missing, each line with its remedy.",
  registry: "Delete images of the registry that no rule keeps, and collect garbage: registry prune.",
  resume: "Go on with a test whose runner died: its log, its files, its verdict, and the clean-up.",
  sweep: "Remove what tests left behind whose runner was killed; never a live run's.",
  runners: "Runners in the cluster: install, status, drain, resume, controller.",
} as const;

/** Runs `gpu-ci` with these arguments and gives its exit code. Every error ends here: it is printed on stderr in words. */
export async function commandLine(argv: readonly string[], terminal: Terminal): Promise<number> {
  try {
    return await dispatch(argv, { ...terminal, root: installationRoot() });
  } catch (error) {
    if (error instanceof UsageError) {
      terminal.stderr.write(`gpu-ci: ${error.message}\n`);
      return 2;
    }
    if (error instanceof CancelledError) terminal.stderr.write(`${error.message}\n`);
    else terminal.stderr.write(`gpu-ci: ${describeError(error)}\n`);
    return exitCodeOfError(error);
  }
}

async function dispatch(argv: readonly string[], context: CommandContext): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const help = await overview(context.root);
    (name === undefined ? context.stderr : context.stdout).write(`${help}\n`);
    return name === undefined ? 2 : 0;
  }
  if (name === "--version") {
    const manifest = JSON.parse(await readFile(join(context.root, "package.json"), "utf8")) as { version: string };
    context.stdout.write(`gpu-ci ${manifest.version}, Node ${process.versions.node}\n`);
    return 0;
  }
  return (await findCommand(name, context.root))(rest, context);
}

/** Each command's modules are loaded when it is asked for: `--help` must not wait for a Kubernetes client. */
async function findCommand(name: string, root: string): Promise<Command> {
  if (name === "run") return (await import("./run-command.ts")).runCommand;
  if (name === "doctor") return (await import("./doctor-command.ts")).doctorCommand;
  if (name === "registry") return (await import("./registry-command.ts")).registryCommand;
  if (name === "resume") return (await import("./resume-command.ts")).resumeCommand;
  if (name === "sweep") return (await import("./sweep-command.ts")).sweepCommand;
  if (name === "runners") return (await import("./runners-command.ts")).runnersCommand;
  const actions = await listActions(root);
  if (actions.includes(name)) {
    const { actionCommand } = await import("./action-command.ts");
    return (argv, context) => actionCommand(name, argv, context);
  }
  const near = nearestWord(name, [...Object.keys(ownCommands), ...actions]);
  throw new UsageError(
    `There is no command ${name}.${near ? ` Did you mean ${near}?` : ""} 'gpu-ci --help' lists them.`,
  );
}

async function overview(root: string): Promise<string> {
  const actions = await Promise.all((await listActions(root)).map((name) => readActionManifest(root, name)));
  return helpText("gpu-ci COMMAND [options]", "CI/CD for teams that own their GPUs, in a terminal.", [
    { title: "Commands", rows: Object.entries(ownCommands) },
    {
      title: "One command for each action",
      rows: actions.map(({ name, description }) => [name, firstSentence(description)] as const),
    },
    {
      title: "Options",
      rows: [
        ["--help", "This text; after a command, its options with their defaults."],
        ["--version", "The version of gpu-ci and of the Node that runs it."],
      ],
    },
    {
      title: "Exit codes",
      rows: [
        ["0", "Passed."],
        ["1", "A test failed or timed out; for doctor, something is missing."],
        ["2", "Wrong usage."],
        ["3", "Infrastructure: cluster, registry, builder or network."],
        ["130, 143", "Cancelled by SIGINT or SIGTERM."],
      ],
    },
  ]);
}

function firstSentence(text: string): string {
  return /^.*?\.(?= |$)/.exec(text)?.[0] ?? text;
}
