import { formatOutput, type SetOutput } from "../../lib/output.ts";

export interface Outputs {
  readonly version: string;
  readonly previousVersion: string;
  readonly tag: string;
  readonly imageTag: string;
  readonly branchTag: string;
  readonly namespace: string;
  readonly sha: string;
  readonly isPrerelease: boolean;
  readonly commitTime: string;
}

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  output("version", formatOutput(outputs.version));
  output("previous-version", formatOutput(outputs.previousVersion));
  output("tag", formatOutput(outputs.tag));
  output("image-tag", formatOutput(outputs.imageTag));
  output("branch-tag", formatOutput(outputs.branchTag));
  output("namespace", formatOutput(outputs.namespace));
  output("sha", formatOutput(outputs.sha));
  output("is-prerelease", formatOutput(outputs.isPrerelease));
  output("commit-time", formatOutput(outputs.commitTime));
}
