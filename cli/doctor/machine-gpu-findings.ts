import { CommandError, type ExecResult } from "../../lib/exec.ts";
import type { Examination } from "./examination.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { gpuRuntimeFindings } from "./gpu-runtime-findings.ts";
import { versionOf } from "./program-version.ts";

/** The first release of the NVIDIA container toolkit without the known ways out of a container: CVE-2025-23266. */
const safeToolkit = [1, 17, 8] as const;

const driverSubject: Subject = { group: "gpus", topic: "NVIDIA driver" };
const toolkitSubject: Subject = { group: "gpus", topic: "NVIDIA toolkit" };

/** The NVIDIA driver, container toolkit and container runtime of this machine. A machine that only drives a cluster needs none. */
export async function machineGpuFindings(examination: Examination): Promise<readonly Finding[]> {
  const { exec } = examination;
  const answer = await queryDriver(exec);
  if (answer === undefined) {
    return [
      problem(driverSubject, "absent", {
        code: "driver-missing",
        found: "nvidia-smi is not there",
        remedy:
          "apt-get install -y nvidia-driver, for a GPU of this machine; without one GPU cases are skipped by name.",
      }),
    ];
  }
  const [said = ""] = (answer.stdout || answer.stderr).trim().split("\n", 1);
  if (answer.exitCode !== 0 || said === "") return [brokenDriver(said)];
  const [toolkit, runtime] = await Promise.all([toolkitFinding(exec), gpuRuntimeFindings(examination)]);
  return [ok(driverSubject, answer.stdout.trim().split("\n").join("; ")), toolkit, ...runtime];
}

async function queryDriver(exec: Examination["exec"]): Promise<ExecResult | undefined> {
  const args = ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"];
  try {
    return await exec("nvidia-smi", args, { ignoreExitCode: true });
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    return { exitCode: -1, stdout: "", stderr: "nvidia-smi did not answer in time" };
  }
}

function brokenDriver(said: string): Finding {
  const isMismatch = /version mismatch/i.test(said);
  return problem(driverSubject, "limited", {
    code: "driver-broken",
    found: said === "" ? "nvidia-smi finds no GPU" : said,
    cause: isMismatch
      ? "the driver was updated, the old one is still in the kernel"
      : "the driver is installed, but does not work",
    remedy: isMismatch
      ? "Drain the runners and reboot."
      : "Look at dmesg (NVRM, Xid) and at lsmod; reinstall the driver.",
  });
}

async function toolkitFinding(exec: Examination["exec"]): Promise<Finding> {
  const version = await versionOf(exec, "nvidia-ctk", ["--version"]);
  const remedy = "Install nvidia-container-toolkit 1.17.8 or newer from NVIDIA's repository.";
  if (version === undefined) {
    return problem(toolkitSubject, "limited", {
      code: "toolkit-missing",
      found: "nvidia-ctk not found",
      cause: "containers of this machine cannot be given a GPU",
      remedy,
    });
  }
  const numbers = /(\d+)\.(\d+)\.(\d+)/.exec(version)?.slice(1).map(Number) ?? [];
  if (isOlder(numbers, safeToolkit)) {
    const cause = "a container can escape it (CVE-2025-23266)";
    return problem(toolkitSubject, "limited", { code: "toolkit-unsafe", found: version, cause, remedy });
  }
  return ok(toolkitSubject, version);
}

function isOlder(numbers: readonly number[], least: readonly number[]): boolean {
  const at = least.findIndex((number, index) => number !== (numbers[index] ?? 0));
  return at >= 0 && (numbers[at] ?? 0) < (least[at] ?? 0);
}
