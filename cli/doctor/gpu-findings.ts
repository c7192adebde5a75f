import type { Exec } from "../../lib/exec.ts";
import { type Finding, ok, problem } from "./finding.ts";
import { versionOf } from "./program-version.ts";

/** The first release of the NVIDIA container toolkit without the known ways out of a container: CVE-2025-23266. */
const safeToolkit = [1, 17, 8] as const;

/** The NVIDIA driver and container toolkit of this machine. A machine that only drives a cluster needs neither. */
export async function gpuFindings(exec: Exec): Promise<readonly Finding[]> {
  const driver = await queryDriver(exec);
  if (driver.length === 0) {
    return [
      problem(
        "absent",
        "NVIDIA driver",
        "nvidia-smi is not there or finds no GPU",
        "apt-get install -y nvidia-driver, for a GPU of this machine; without one GPU cases are skipped by name.",
      ),
    ];
  }
  return [ok("NVIDIA driver", driver.join("; ")), await toolkitFinding(exec)];
}

async function queryDriver(exec: Exec): Promise<readonly string[]> {
  const args = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"];
  try {
    const { stdout, exitCode } = await exec("nvidia-smi", args, { ignoreExitCode: true });
    return exitCode === 0 ? stdout.trim().split("\n").filter(Boolean) : [];
  } catch {
    return [];
  }
}

async function toolkitFinding(exec: Exec): Promise<Finding> {
  const version = await versionOf(exec, "nvidia-ctk", ["--version"]);
  const remedy = "Install nvidia-container-toolkit 1.17.8 or newer from NVIDIA's repository.";
  if (version === undefined) return problem("limited", "NVIDIA toolkit", "nvidia-ctk not found", remedy);
  const numbers = /(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [];
  for (const [index, least] of safeToolkit.entries()) {
    const number = numbers[index] ?? 0;
    if (number > least) break;
    if (number < least) return problem("limited", "NVIDIA toolkit", `${version}: a container can escape it`, remedy);
  }
  return ok("NVIDIA toolkit", version);
}
