/** A node as it describes itself; undefined where it does not say. */
export interface NodeDriver {
  readonly node: string;
  readonly driver: string | undefined;
  /** The newest CUDA that the driver serves. */
  readonly cuda: string | undefined;
}

/**
 * The oldest driver that runs programs of a CUDA major version (minor version compatibility).
 * https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/ table 2, "CUDA Toolkit and Minimum Required Driver Version for CUDA Minor Version Compatibility"
 */
const oldestDrivers: Readonly<Record<string, string>> = { 11: "450.80.02", 12: "525.60.13", 13: "580.65.06" };

/** The CUDA version that an image says it has: the variable CUDA_VERSION, as NVIDIA's own images set it. */
export function cudaVersionOf(env: Readonly<Record<string, string>>): string | undefined {
  return /^\d+\.\d+/.exec(env.CUDA_VERSION ?? "")?.[0];
}

/** Why a node's driver cannot run an image's CUDA, as a sentence; undefined when it can, or when nobody says which driver the node has. */
export function cudaShortfall(cuda: string, { node, driver, cuda: served }: NodeDriver): string | undefined {
  if (driver === undefined && served === undefined) return undefined;
  if (served !== undefined && compareVersions(served, cuda) >= 0) return undefined;
  const oldest = oldestDrivers[cuda.split(".")[0] ?? ""];
  if (oldest !== undefined && driver !== undefined && compareVersions(driver, oldest) >= 0) return undefined;
  const has = [driver && `driver ${driver}`, served && `CUDA ${served}`].filter(Boolean).join(", ");
  const needs = oldest === undefined ? "a newer driver" : `driver ${oldest} or newer`;
  return `The image has CUDA ${cuda}, which needs ${needs}; node ${node} has ${has}.`;
}

function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map((version) => version.split(".").map(Number));
  const at = (left ?? []).findIndex((part, index) => part !== (right?.[index] ?? 0));
  return at < 0 ? 0 : (left?.[at] ?? 0) - (right?.[at] ?? 0);
}
