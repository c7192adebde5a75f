/** What NVIDIA's GPU feature discovery says of a node; undefined where it does not run, or does not say. */
export interface GpuDriver {
  readonly driver: string | undefined;
  /** The newest CUDA that the driver serves without the compatibility package. */
  readonly cuda: string | undefined;
}

/** Reads the labels of a node. Newer releases of the discovery write `cuda.driver-version.full`, older ones `cuda.driver.major`, `.minor` and `.rev`. */
export function gpuDriverOf(labels: Readonly<Record<string, string>> | undefined): GpuDriver {
  return {
    driver: versionLabel(labels, "driver-version", "driver"),
    cuda: versionLabel(labels, "runtime-version", "runtime"),
  };
}

function versionLabel(
  labels: Readonly<Record<string, string>> = {},
  newName: string,
  oldName: string,
): string | undefined {
  const full = labels[`nvidia.com/cuda.${newName}.full`];
  if (full) return full;
  const parts = ["major", "minor", "rev"].flatMap((part) => labels[`nvidia.com/cuda.${oldName}.${part}`] || []);
  return parts.length > 0 ? parts.join(".") : undefined;
}
