import { delimiter, join, relative } from "node:path";
import { installationRoot } from "../../cli/action-manifest.ts";
import { type CommandOption, parseOptions } from "../../cli/command-options.ts";
import { helpText, optionRows } from "../../cli/help-text.ts";
import { recordedRun } from "../../cli/recorded-run.ts";
import { listenForInterruption } from "../../cli/signals.ts";
import { TerminalScreen } from "../../cli/terminal-screen.ts";
import { UsageError } from "../../cli/usage-error.ts";
import { runDemo } from "./demo-run.ts";
import { stopRegistry } from "./loopback-registry.ts";
import { demoVerdict, stageTable } from "./summary-table.ts";

const options: readonly CommandOption[] = [
  option("gpus", "Number of GPUs to require, or auto: then GPU cases are skipped by name where there is none.", "auto"),
  option("registry", "Registry to use as host[:port]; default is the cluster's, else one of the demo's own."),
  { ...option("down", "Stop the registry that an earlier demo started; its data stays."), boolean: true },
  { ...option("verbose", "Print every line a stage has to say."), boolean: true },
  { ...option("help", "Print this text."), boolean: true },
];

/** The main job: every stage of the pipeline on examples/vector-add. Gives the exit code of design.md rule 2. */
export async function demo(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parseOptions(argv, options);
  const root = installationRoot();
  const folder = join(root, "demo-output");
  if (positionals.length > 0) throw new UsageError(`The demo takes options only, not ${positionals.join(" ")}.`);
  if (values.get("help") === "true") {
    console.log(help());
    return 0;
  }
  if (values.get("down") === "true") {
    const stopped = await stopRegistry(folder);
    console.log(
      stopped ? "The demo's registry is stopped; its data stays in demo-output/registry." : "Nothing of the demo runs.",
    );
    return 0;
  }

  // Some programs of Debian lie where not every user's PATH leads.
  process.env.PATH = [process.env.PATH, "/usr/sbin", "/sbin"].join(delimiter);
  const screen = new TerminalScreen(process.stderr);
  using interruption = listenForInterruption((line) => screen.print(line));
  const run = {
    title: "gpu-ci demo",
    root,
    folder,
    screen,
    signal: interruption.signal,
    env: process.env,
    verbose: values.get("verbose") === "true",
  };
  const ended = await recordedRun(run, (stages, outputs) =>
    runDemo({ stages, outputs, folder, gpus: values.get("gpus"), registry: values.get("registry") }),
  );
  console.log(stageTable(ended.summary));
  console.log(`Summary: ${relative(process.cwd(), folder) || "."}/summary.md, summary.html`);
  console.log(demoVerdict(ended, performance.now()));
  return ended.exitCode;
}

function help(): string {
  return helpText(
    "npm run demo -- [options]",
    "Builds the base image of examples/vector-add, puts the sources on top, pushes, runs the tests and makes the release in dry-run. With a cluster configured (KUBECONFIG) the test is a Job there, else a container of podman or docker. Results are in demo-output.",
    [{ title: "Options", rows: optionRows(options) }],
  );
}

function option(name: string, description: string, fallback?: string): CommandOption {
  return { name, description, default: fallback, required: false, boolean: false };
}
