import { formatOutput, type SetOutput } from "../../lib/output.ts";

export interface Outputs {
  readonly kubeconfig: string;
  readonly version: string;
  readonly channel: string | undefined;
  readonly created: boolean;
  readonly nodeIp: string | undefined;
  readonly registryPush: string | undefined;
  readonly registryPull: string | undefined;
  readonly gpuCount: number;
  readonly gpuProducts: readonly string[];
  readonly driverVersion: string | undefined;
  readonly cudaVersion: string | undefined;
}

/** Of a job that goes on without a cluster. */
export const noCluster: Outputs = {
  kubeconfig: "",
  version: "",
  channel: undefined,
  created: false,
  nodeIp: undefined,
  registryPush: undefined,
  registryPull: undefined,
  gpuCount: 0,
  gpuProducts: [],
  driverVersion: undefined,
  cudaVersion: undefined,
};

/** Writes every output of action.yml. */
export function writeOutputs(output: SetOutput, outputs: Outputs): void {
  writeKnown(output, outputs);
}

/** Writes the outputs that are known; the others are empty. */
export function writeKnown(output: SetOutput, outputs: Partial<Outputs>): void {
  output("kubeconfig", formatOutput(outputs.kubeconfig));
  output("version", formatOutput(outputs.version));
  output("channel", formatOutput(outputs.channel));
  output("created", formatOutput(outputs.created));
  output("node-ip", formatOutput(outputs.nodeIp));
  output("registry-push", formatOutput(outputs.registryPush));
  output("registry-pull", formatOutput(outputs.registryPull));
  output("gpu-count", formatOutput(outputs.gpuCount));
  output("gpu-products", formatOutput(outputs.gpuProducts));
  output("driver-version", formatOutput(outputs.driverVersion));
  output("cuda-version", formatOutput(outputs.cudaVersion));
}
