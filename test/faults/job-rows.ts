import pLimit from "p-limit";
import { type Faced, faceFault } from "./face-fault.ts";
import type { JobFault } from "./job-fault.ts";
import { type Outcome, outcomes } from "./job-judge.ts";
import type { JobTool } from "./job-tools.ts";

/** One fault and what each tool made of it, as the result file has it. */
export interface Row {
  readonly id: string;
  readonly name: string;
  readonly verdicts: Readonly<Partial<Record<JobTool["name"], Cell>>>;
}

export interface Cell {
  readonly outcome: Outcome;
  readonly why: string;
  readonly seconds: number;
}

export interface RowsOptions {
  readonly tools: readonly JobTool[];
  readonly image: string;
  readonly parallel: number;
  readonly isVerbose: boolean;
}

/** Runs every fault, the longest first; a fault that cannot be made is a failure of its row. */
export async function runRows(faults: readonly JobFault[], options: RowsOptions): Promise<readonly Row[]> {
  const limit = pLimit(options.parallel);
  const patience = ({ limitMs = 0 }: JobFault) => limitMs;
  const ordered = faults.toSorted((one, other) => patience(other) - patience(one));
  return await Promise.all(ordered.map((fault) => limit(() => runRow(fault, options))));
}

async function runRow(fault: JobFault, { tools, image, isVerbose }: RowsOptions): Promise<Row> {
  const able = tools.filter(({ name }) => name === "gpu-ci" || !fault.oursAlone);
  const failed = (error: unknown) =>
    able.map(
      ({ name }): Faced => ({ tool: name, outcome: "not injected", why: String(error), durationMs: 0, output: "" }),
    );
  const faced = await faceFault(fault, able, image).catch(failed);
  for (const { tool, outcome, why, durationMs, output } of faced) {
    console.error(`${fault.id} ${fault.name}: ${tool}: ${outcome} ${why} (${durationMs} ms)`);
    if (isVerbose || (tool === "gpu-ci" && outcome !== "survived")) console.error(output.slice(-2500));
  }
  const cells = faced.map(({ tool, outcome, why, durationMs }) => [
    tool,
    { outcome, why, seconds: Math.round(durationMs / 1000) },
  ]);
  return { id: fault.id, name: fault.name, verdicts: Object.fromEntries(cells) };
}

/** What a tool made of all faults of one id: the worst of it. Undefined when it has met none of them. */
export function outcomeOf(rows: readonly Row[], id: string, tool: JobTool["name"]): Outcome | undefined {
  const seen = rows.filter((row) => row.id === id).flatMap(({ verdicts }) => verdicts[tool]?.outcome ?? []);
  // A false green weighs most, and the order of the words is that of their weight.
  return [...outcomes.slice(1), outcomes[0]].find((outcome) => seen.includes(outcome));
}
