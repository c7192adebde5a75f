import { formatOutput, type SetOutput } from "../../lib/output.ts";

export interface Outputs {
  readonly layout: string | undefined;
  readonly image: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly version: string;
  readonly rebuilt: boolean;
  readonly inputsHash: string;
  readonly sizeBytes: number | undefined;
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  output("layout", formatOutput(outputs.layout));
  output("image", formatOutput(outputs.image));
  output("digest", formatOutput(outputs.digest));
  output("tags", formatOutput(outputs.tags));
  output("version", formatOutput(outputs.version));
  output("rebuilt", formatOutput(outputs.rebuilt));
  output("inputs-hash", formatOutput(outputs.inputsHash));
  output("size-bytes", formatOutput(outputs.sizeBytes));
}
