import { formatDuration, parseDuration } from "../../lib/duration.ts";
import { InputError } from "../../lib/error.ts";
import { setDrainState } from "../../lib/runner/set-drain-state.ts";
import { resumeRunners, waitForNoRunner } from "../../lib/runner/switch-runners.ts";
import type { CommandContext } from "../command-context.ts";
import { listenForInterruption } from "../signals.ts";
import { connectRunners, readConfig, readNode, readOptions, switchOption, valueOption } from "./runners-options.ts";
import { switchNameOption } from "./status-command.ts";

const drainOptions = [
  valueOption("node", "Drain this node only; default is all of them."),
  valueOption("deadline", "End running jobs after this time (90s, 30m, 2h); default lets them finish."),
  switchOption("terminate", "Set DrainAndTerminate instead of DrainAndSuspend: a controller started for it ends then."),
  switchOption("wait", "Return when no runner is left."),
  valueOption("wait-timeout", "Longest wait; then the exit code is 3.", "6h"),
  switchNameOption,
];
const resumeOptions = [valueOption("node", "Resume this node only; default is the global switch."), switchNameOption];

/** `gpu-ci runners drain`: no new jobs; running ones finish, or are ended after the deadline. */
export async function drainCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const description = "Takes no new jobs. Running jobs finish, unless --deadline ends them.";
  const values = readOptions({ name: "drain", description, options: drainOptions }, argv, context);
  if (values === undefined) return 0;
  const node = readNode(values);
  const limit = readDuration(values, "deadline");
  const waitMs = readDuration(values, "wait-timeout") ?? 6 * 3_600_000;
  using interruption = listenForInterruption((line) => context.stderr.write(`${line}\n`));
  const { signal } = interruption;
  const { cluster, name } = await open(values, context);
  const state = values.get("terminate") === "true" ? "DrainAndTerminate" : "DrainAndSuspend";
  await setDrainState(cluster, { name, node, state, deadline: values.get("deadline"), signal });
  const end = limit === undefined ? "running ones finish" : `running ones are ended in ${formatDuration(limit)}`;
  context.stderr.write(`${node === undefined ? "All runners" : `Node ${node}`}: ${state}, no new jobs; ${end}.\n`);
  if (values.get("wait") === "true") {
    const say = (line: string) => context.stderr.write(`${line}\n`);
    await waitForNoRunner(cluster, { name, node, now: () => new Date(), signal }, { timeoutMs: waitMs, say });
    say("No runner is left.");
  }
  cluster.close();
  return 0;
}

/** `gpu-ci runners resume`: jobs are taken again. */
export async function resumeCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const description = "Takes jobs again: all nodes but those that are drained by themselves, or the one that is named.";
  const values = readOptions({ name: "resume", description, options: resumeOptions }, argv, context);
  if (values === undefined) return 0;
  const node = readNode(values);
  using interruption = listenForInterruption((line) => context.stderr.write(`${line}\n`));
  const { signal } = interruption;
  const { cluster, name } = await open(values, context);
  const { global, nodes } = await resumeRunners(cluster, { name, node, now: () => new Date(), signal });
  const drained = [...nodes].filter(([, { state }]) => state !== "Running").map(([own]) => own);
  const rest = drained.length === 0 ? "" : ` Still drained by themselves: ${drained.join(", ")}.`;
  const others = global.state === "Running" ? "as all others" : "while the others are drained";
  context.stderr.write(node === undefined ? `All runners: Running.${rest}\n` : `Node ${node}: Running, ${others}.\n`);
  cluster.close();
  return 0;
}

async function open(values: ReadonlyMap<string, string>, { env }: CommandContext) {
  const config = await readConfig(values, env);
  const cluster = await connectRunners(values, env, { config });
  return { cluster, name: values.get("switch") ?? config?.drainConfigMap ?? "gpu-ci-runners" };
}

function readDuration(values: ReadonlyMap<string, string>, name: string): number | undefined {
  const text = values.get(name);
  if (text === undefined) return undefined;
  const parsed = parseDuration(text);
  if (parsed === undefined) throw new InputError(name, text, "a duration such as 90s, 30m or 2h");
  return parsed;
}
