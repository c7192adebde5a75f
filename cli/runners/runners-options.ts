import { readFile } from "node:fs/promises";
import { DomainError } from "../../lib/error.ts";
import { type Cluster, connectKubernetes } from "../../lib/kubernetes/client.ts";
import { type Log, silentLog } from "../../lib/log.ts";
import { parseRunnerConfig, type RunnerConfig } from "../../lib/runner/runner-config.ts";
import { requireObjectName } from "../../lib/runner/switch-runners.ts";
import type { CommandContext } from "../command-context.ts";
import { type CommandOption, parseOptions } from "../command-options.ts";
import { helpText, optionRows } from "../help-text.ts";
import { UsageError } from "../usage-error.ts";

/** An option that takes a value. */
export function valueOption(name: string, description: string, value?: string): CommandOption {
  return { name, description, default: value, required: false, boolean: false };
}

/** An option that is there or not. */
export function switchOption(name: string, description: string): CommandOption {
  return { name, description, default: undefined, required: false, boolean: true };
}

/** Where the runners are. */
export const placeOptions: readonly CommandOption[] = [
  valueOption("config", "File of the controller's settings; default is GPU_CI_RUNNERS_CONFIG, else none."),
  valueOption("namespace", "Namespace of the runners; default is the settings', else gpu-ci."),
  valueOption("kubeconfig", "Path of a kubeconfig; default is KUBECONFIG, or the pod's own service account."),
  valueOption("context", "Context of the kubeconfig; default is its current one."),
];

/** A subcommand's name, sentence and options. */
export interface Subcommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly CommandOption[];
}

/** Reads a subcommand's options, those of every subcommand included; undefined when only its help was asked for, and then printed. */
export function readOptions(
  { name, description, options }: Subcommand,
  argv: readonly string[],
  context: CommandContext,
): ReadonlyMap<string, string> | undefined {
  const all = [...options, ...placeOptions, switchOption("help", "Print this text.")];
  const { values, positionals } = parseOptions(argv, all);
  if (values.get("help") === "true") {
    const rows = optionRows(all);
    context.stdout.write(
      `${helpText(`gpu-ci runners ${name} [options]`, description, [{ title: "Options", rows }])}\n`,
    );
    return undefined;
  }
  if (positionals.length > 0) throw new UsageError(`runners ${name} takes options only, not ${positionals.join(" ")}.`);
  return values;
}

/** The controller's settings, where there are any: on the machine of a person there are none. */
export async function readConfig(
  values: ReadonlyMap<string, string>,
  env: NodeJS.ProcessEnv,
): Promise<RunnerConfig | undefined> {
  const file = values.get("config") || env.GPU_CI_RUNNERS_CONFIG;
  if (!file) return undefined;
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new DomainError("runners-config-missing", `The runners' settings in ${file} cannot be read.`, { cause });
  }
  return parseRunnerConfig(text, file);
}

/** Connects to the cluster, in the runners' namespace. */
export async function connectRunners(
  values: ReadonlyMap<string, string>,
  env: NodeJS.ProcessEnv,
  options: { readonly config?: RunnerConfig | undefined; readonly log?: Log; readonly awayBudgetMs?: number } = {},
): Promise<Cluster> {
  const { config, log = silentLog, awayBudgetMs } = options;
  return await connectKubernetes({
    kubeconfig: values.get("kubeconfig"),
    context: values.get("context"),
    namespace: values.get("namespace") || config?.namespace || "gpu-ci",
    env,
    log,
    ...(awayBudgetMs === undefined ? {} : { awayBudgetMs }),
  });
}

/** The name of a node, or undefined. Throws InputError for what cannot be one. */
export function readNode(values: ReadonlyMap<string, string>): string | undefined {
  const node = values.get("node");
  if (node !== undefined) requireObjectName("node", node, "the name of a node");
  return node;
}
