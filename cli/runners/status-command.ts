import { type RunnerStatus, readRunnerStatus } from "../../lib/runner/runner-status.ts";
import type { CommandContext } from "../command-context.ts";
import { listenForInterruption } from "../signals.ts";
import { connectRunners, readConfig, readOptions, switchOption, valueOption } from "./runners-options.ts";
import { statusTable } from "./status-table.ts";

/** The option that names the switch. */
export const switchNameOption = valueOption("switch", "Name of the drain ConfigMap.", "gpu-ci-runners");

const options = [switchNameOption, switchOption("json", "Print the status on stdout as one JSON document.")];

/** `gpu-ci runners status`: the switch and the runners, as a table or as JSON. */
export async function statusCommand(argv: readonly string[], context: CommandContext): Promise<number> {
  const description = "Shows the drain switch, and the runners with what they do. Changes nothing.";
  const values = readOptions({ name: "status", description, options }, argv, context);
  if (values === undefined) return 0;
  const config = await readConfig(values, context.env);
  const cluster = await connectRunners(values, context.env, { config });
  using interruption = listenForInterruption(() => {});
  const now = new Date();
  const drainConfigMap = values.get("switch") ?? config?.drainConfigMap ?? "gpu-ci-runners";
  const status = await readRunnerStatus(cluster, { drainConfigMap, now, signal: interruption.signal });
  cluster.close();
  context.stdout.write(
    values.get("json") === "true" ? `${JSON.stringify(toJson(status), undefined, 2)}\n` : statusTable(status, now),
  );
  return 0;
}

function toJson({ global, nodes, ...rest }: RunnerStatus) {
  const position = ({ state, endsAtMs }: RunnerStatus["global"]) => ({
    state,
    ...(endsAtMs === undefined ? {} : { endsAt: new Date(endsAtMs).toISOString() }),
  });
  const overrides = Object.fromEntries([...nodes].map(([node, own]) => [node, position(own)]));
  return { ...rest, global: position(global), nodes: overrides };
}
