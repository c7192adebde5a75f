import { formatOutput, type SetOutput } from "../../lib/output.ts";

/** What became of one target. */
export interface TargetResult {
  readonly reference: string;
  /** `refused`: its version tag names another image. `planned`: a dry run did not look further. */
  readonly status: "copied" | "unchanged" | "planned" | "refused" | "failed";
  /** Of blobs that were sent. */
  readonly bytes: number;
  readonly error?: string;
}

export interface Outputs {
  readonly digest: string;
  readonly targets: readonly TargetResult[];
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  output("digest", formatOutput(outputs.digest));
  output("targets", formatOutput(JSON.stringify(outputs.targets)));
}
