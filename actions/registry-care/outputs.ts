import { formatOutput, type SetOutput } from "../../lib/output.ts";

export interface Outputs {
  readonly registry: string;
  readonly removed: number;
  readonly kept: number;
  readonly freedBytes: number;
  readonly unusedBytes: number;
  readonly keptBytes: number;
  readonly garbage: "off" | "collected" | "refused";
  readonly damaged: readonly string[];
  readonly report: string;
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  output("registry", formatOutput(outputs.registry));
  output("removed", formatOutput(outputs.removed));
  output("kept", formatOutput(outputs.kept));
  output("freed-bytes", formatOutput(outputs.freedBytes));
  output("unused-bytes", formatOutput(outputs.unusedBytes));
  output("kept-bytes", formatOutput(outputs.keptBytes));
  output("garbage", formatOutput(outputs.garbage));
  output("damaged", formatOutput(outputs.damaged));
  output("report", formatOutput(outputs.report));
}
