import { CommandError, type ExecResult } from "../../lib/exec.ts";
import { cdiFindings } from "./cdi-findings.ts";
import type { Examination } from "./examination.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { gpuRuntimeFindings } from "./gpu-runtime-findings.ts";
import { machineToolkitFinding } from "./toolkit-findings.ts";

const driverSubject: Subject = { group: "gpus", topic: "NVIDIA driver" };

/** The NVIDIA driver, container toolkit and container runtime of this machine. A machine that only drives a cluster needs none. */
export async function machineGpuFindings(
  examination: Examination,
  clusterConfigured: boolean,
): Promise<readonly Finding[]> {
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
  // name, driver_version, memory.total: one line for each GPU, one driver for all.
  const driver = said.split(",")[1]?.trim() ?? "";
  const [toolkit, runtime, cdi] = await Promise.all([
    machineToolkitFinding(examination),
    gpuRuntimeFindings(examination),
    cdiFindings(examination, { driver, clusterConfigured }),
  ]);
  return [ok(driverSubject, answer.stdout.trim().split("\n").join("; ")), toolkit, ...runtime, ...cdi];
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
