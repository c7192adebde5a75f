import { formatOutput, type SetOutput } from "../../lib/output.ts";
import type { RunnerState } from "../../lib/runner/drain-switch.ts";

export interface Outputs {
  readonly state: RunnerState;
  readonly runners: number | undefined;
  readonly drained: boolean | undefined;
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  output("state", formatOutput(outputs.state));
  output("runners", formatOutput(outputs.runners));
  output("drained", formatOutput(outputs.drained));
}
