import { readFile } from "node:fs/promises";
import { CancelledError, DomainError, InputError } from "../../lib/error.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { giteaRunners } from "../../lib/runner/gitea-runners.ts";
import { githubRunners } from "../../lib/runner/github-runners.ts";
import type { RunnerConfig } from "../../lib/runner/runner-config.ts";
import { runRunnerController } from "../../lib/runner/runner-controller.ts";
import type { RunnerForge } from "../../lib/runner/runner-forge.ts";
import { runScaleSetController } from "../../lib/runner/scale-set-controller.ts";
import type { CommandContext } from "../command-context.ts";
import { listenForInterruption } from "../signals.ts";
import { terminalLog } from "../terminal-log.ts";
import { TerminalScreen } from "../terminal-screen.ts";
import { connectRunners, readConfig, readOptions, switchOption, valueOption } from "./runners-options.ts";

const options = [
  valueOption("token-file", "File with the forge's token; default is GPU_CI_RUNNERS_TOKEN_FILE."),
  valueOption("on-stop", "What becomes of the runners when this program is stopped: keep or remove.", "keep"),
  switchOption("exit-when-drained", "End when the switch says DrainAndTerminate and no runner is left."),
];

/** `gpu-ci runners controller`: keeps runners until SIGINT or SIGTERM, which is its ordinary end. */
export async function controllerCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const description = "Keeps the wanted number of runners, each for one job, and acts on the drain switch.";
  const values = readOptions({ name: "controller", description, options }, argv, context);
  if (values === undefined) return 0;
  const onStop = values.get("on-stop") ?? "keep";
  if (onStop !== "keep" && onStop !== "remove") throw new InputError("on-stop", onStop, "keep, remove");
  const config = await readConfig(values, context.env);
  if (config === undefined) throw new InputError("config", "", "a file, or GPU_CI_RUNNERS_CONFIG in the environment");
  const screen = new TerminalScreen(context.stderr);
  using interruption = listenForInterruption((line) => screen.print(line));
  const log = terminalLog(screen, { collapse: false, verbose: false });
  const deps = { log, signal: interruption.signal, now: () => new Date() };
  // It outlives the API server, however long that is away.
  const awayBudgetMs = Number.POSITIVE_INFINITY;
  const cluster = await connectRunners(values, context.env, { config, log, awayBudgetMs });
  try {
    if (config.mode === "arc") await runScaleSetController({ cluster, config }, deps);
    else await keepRunners({ cluster, config, onStop, values }, context, deps);
    return 0;
  } catch (error) {
    if (error instanceof CancelledError) return 0;
    throw error;
  } finally {
    cluster.close();
  }
}

interface Keeping {
  readonly cluster: Cluster;
  readonly config: RunnerConfig;
  readonly onStop: "keep" | "remove";
  readonly values: ReadonlyMap<string, string>;
}

async function keepRunners(
  { cluster, config, onStop, values }: Keeping,
  { env }: CommandContext,
  deps: Parameters<typeof runRunnerController>[1],
): Promise<void> {
  const tokenFile = values.get("token-file") || env.GPU_CI_RUNNERS_TOKEN_FILE;
  if (!tokenFile) throw new InputError("token-file", "", "a file, or GPU_CI_RUNNERS_TOKEN_FILE in the environment");
  await readToken(tokenFile);
  const { runner: template } = config;
  if (template === undefined) throw new InputError("config", "", "settings with runner.image");
  const forge = openForge(config, () => readToken(tokenFile));
  const exitWhenDrained = values.get("exit-when-drained") === "true";
  await runRunnerController({ cluster, forge, config, template, onStop, exitWhenDrained }, deps);
}

function openForge({ forge, labels }: RunnerConfig, token: () => Promise<string>): RunnerForge {
  if (forge === undefined) throw new InputError("config", "", "settings with forge");
  const { url, scope, kind } = forge;
  const place = { url, scope, labels, token, runnerUrl: forge.runnerUrl || url };
  return kind === "github" ? githubRunners(place) : giteaRunners(place);
}

async function readToken(file: string): Promise<string> {
  const token = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new DomainError("token-missing", `The forge's token in ${file} cannot be read.`, {
      cause,
      hint: "Mount the Secret with the key token, or name another file with --token-file.",
    });
  });
  if (token.trim() === "") throw new DomainError("token-missing", `The forge's token in ${file} is empty.`);
  return token.trim();
}
