import { formatOutput, type SetOutput } from "../../lib/output.ts";

export interface Outputs {
  readonly registry: string;
  readonly pushRef: string;
  readonly pullRef: string;
  readonly inClusterRef: string | undefined;
  readonly digest: string;
  readonly pushedBytes: number;
  readonly skippedBytes: number;
  readonly verified: "none" | "size" | "full";
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  output("registry", formatOutput(outputs.registry));
  output("push-ref", formatOutput(outputs.pushRef));
  output("pull-ref", formatOutput(outputs.pullRef));
  output("in-cluster-ref", formatOutput(outputs.inClusterRef));
  output("digest", formatOutput(outputs.digest));
  output("pushed-bytes", formatOutput(outputs.pushedBytes));
  output("skipped-bytes", formatOutput(outputs.skippedBytes));
  output("verified", formatOutput(outputs.verified));
}
