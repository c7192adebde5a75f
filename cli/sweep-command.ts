import { formatDuration } from "../lib/duration.ts";
import { findContainerLeftovers } from "../lib/engine/container-leftovers.ts";
import { findLeftovers } from "../lib/engine/kubernetes-leftovers.ts";
import type { Leftover } from "../lib/engine/leftover.ts";
import { describeError } from "../lib/error.ts";
import { exec } from "../lib/exec.ts";
import { connectKubernetes, findKubeconfig } from "../lib/kubernetes/client.ts";
import { columns } from "./columns.ts";
import type { CommandContext } from "./command-context.ts";
import { parseOptions } from "./command-options.ts";
import { helpText, optionRows } from "./help-text.ts";
import { clusterOptions, plainOption, switchOption } from "./place-options.ts";
import { listenForInterruption } from "./signals.ts";
import { terminalLog } from "./terminal-log.ts";
import { TerminalScreen } from "./terminal-screen.ts";
import { UsageError } from "./usage-error.ts";

const options = [
  switchOption("dry-run", "Show what would be removed and change nothing."),
  ...clusterOptions,
  plainOption("namespace", "Namespace to sweep; default is every one that the account may look at."),
  switchOption("json", "Print the table on stdout as one JSON document."),
  switchOption("help", "Print this text."),
];

/** What became of a leftover. */
interface Swept {
  readonly leftover: Leftover;
  readonly outcome: "kept" | "removed" | "would be removed" | "failed";
}

/** `gpu-ci sweep`: removes what killed runs left in the cluster and in podman or docker. Exit code 3 when something could not be removed. */
export async function sweepCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const { values, positionals } = parseOptions(argv, options);
  if (values.get("help") === "true") {
    context.stdout.write(`${help()}\n`);
    return 0;
  }
  if (positionals.length > 0) throw new UsageError(`sweep takes options only, not ${positionals.join(" ")}.`);
  const screen = new TerminalScreen(context.stderr);
  using interruption = listenForInterruption((line) => screen.print(line));
  const found = [
    ...(await inCluster(values, context.env, screen, interruption.signal)),
    ...(await findContainerLeftovers(exec, new Date())),
  ];
  const isDryRun = values.get("dry-run") === "true";
  const swept = await Promise.all(found.map((leftover) => sweep(leftover, isDryRun, screen)));
  context.stdout.write(values.get("json") === "true" ? jsonOf(swept) : tableOf(swept));
  return swept.some(({ outcome }) => outcome === "failed") ? 3 : 0;
}

async function inCluster(
  values: ReadonlyMap<string, string>,
  env: NodeJS.ProcessEnv,
  screen: TerminalScreen,
  signal: AbortSignal,
): Promise<readonly Leftover[]> {
  const place = { kubeconfig: values.get("kubeconfig"), context: values.get("context"), env };
  if (findKubeconfig(place) === undefined) return [];
  const namespace = values.get("namespace");
  const log = terminalLog(screen, { collapse: false, verbose: false });
  const cluster = await connectKubernetes({ ...place, namespace, log });
  return await findLeftovers(cluster, { namespace, now: new Date(), signal });
}

async function sweep(leftover: Leftover, isDryRun: boolean, screen: TerminalScreen): Promise<Swept> {
  if (!leftover.isOver) return { leftover, outcome: "kept" };
  if (isDryRun) return { leftover, outcome: "would be removed" };
  try {
    await leftover.remove();
    return { leftover, outcome: "removed" };
  } catch (error) {
    screen.print(describeError(error));
    return { leftover, outcome: "failed" };
  }
}

function tableOf(swept: readonly Swept[]): string {
  if (swept.length === 0) return "Nothing of ours is there.\n";
  const rows = swept.map(({ leftover, outcome }) => [
    leftover.place === "kubernetes" ? leftover.namespace || "-" : leftover.place,
    `${leftover.kind} ${leftover.name}`,
    leftover.createdAt === undefined ? "-" : formatDuration(Date.now() - leftover.createdAt.getTime()),
    outcome,
    leftover.why,
  ]);
  return `${columns([["WHERE", "WHAT", "AGE", "", "WHY"], ...rows]).join("\n")}\n`;
}

function jsonOf(swept: readonly Swept[]): string {
  const entries = swept.map(({ leftover, outcome }) => ({ ...leftover, remove: undefined, outcome }));
  return `${JSON.stringify(entries, undefined, 2)}\n`;
}

function help(): string {
  const description =
    "Removes what tests of ours left behind in the cluster and in podman or docker when their runner was killed: objects with our labels whose process on this machine is gone, or whose time has passed. What may still belong to a live run stays. 'gpu-ci resume' goes on with such a test instead.";
  return helpText("gpu-ci sweep [options]", description, [{ title: "Options", rows: optionRows(options) }]);
}
