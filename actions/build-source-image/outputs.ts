import { formatOutput, type SetOutput } from "../../lib/output.ts";

export interface Outputs {
  readonly image: string;
  readonly pullRef: string;
  readonly digest: string;
  readonly layerDigest: string;
  readonly layerSizeBytes: number;
  readonly files: number;
  readonly revision: string;
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  output("image", formatOutput(outputs.image));
  output("pull-ref", formatOutput(outputs.pullRef));
  output("digest", formatOutput(outputs.digest));
  output("layer-digest", formatOutput(outputs.layerDigest));
  output("layer-size-bytes", formatOutput(outputs.layerSizeBytes));
  output("files", formatOutput(outputs.files));
  output("revision", formatOutput(outputs.revision));
}
