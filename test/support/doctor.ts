import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
import { root } from "./house.ts";

/** A finding as `gpu-ci doctor --json` prints it. */
export interface PrintedFinding {
  readonly group: string;
  readonly topic: string;
  readonly state: string;
  readonly code: string | null;
  readonly found: string;
  readonly cause: string | null;
  readonly remedy: string | null;
  readonly fixed: boolean;
}

/** What a run of doctor gave. */
export interface DoctorRun {
  readonly exitCode: number;
  readonly ready: boolean;
  readonly findings: readonly PrintedFinding[];
  /** Findings with this code. */
  withCode(this: void, code: string): readonly PrintedFinding[];
}

/** Runs `gpu-ci doctor --json` as a process of its own, with looks that may take their time: the machine may be busy. */
export async function runDoctor(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<DoctorRun> {
  const patience = args.includes("--timeout") ? [] : ["--timeout", "60s"];
  const { stdout, exitCode } = await exec(join(root, "bin/gpu-ci"), ["doctor", "--json", ...patience, ...args], {
    env: { ...process.env, ...env },
    ignoreExitCode: true,
  });
  const { ready, findings } = JSON.parse(stdout) as Pick<DoctorRun, "ready" | "findings">;
  return { exitCode, ready, findings, withCode: (code) => findings.filter((finding) => finding.code === code) };
}
