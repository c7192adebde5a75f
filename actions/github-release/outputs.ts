import { formatOutput, type SetOutput } from "../../lib/output.ts";

export interface Outputs {
  readonly id: number | undefined;
  readonly url: string | undefined;
  readonly tagName: string;
  readonly assets: readonly string[];
  readonly checksumsFile: string | undefined;
  readonly created: boolean;
  readonly published: boolean;
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  output("id", formatOutput(outputs.id));
  output("url", formatOutput(outputs.url));
  output("tag-name", formatOutput(outputs.tagName));
  output("assets", formatOutput(outputs.assets));
  output("checksums-file", formatOutput(outputs.checksumsFile));
  output("created", formatOutput(outputs.created));
  output("published", formatOutput(outputs.published));
}
