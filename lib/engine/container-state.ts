import type { Reason } from "../report/conclusion.ts";
import type { TestPod } from "./test-pod.ts";
import type { Receipt } from "./wrapper.ts";

/** `.State` of `podman inspect` and `docker inspect`, as far as it tells how a container ended. */
export interface ContainerState {
  readonly Status: string;
  readonly Running: boolean;
  readonly OOMKilled: boolean;
  readonly Pid: number;
  readonly ExitCode: number;
  readonly Error: string;
  readonly StartedAt: string;
  readonly FinishedAt: string;
}

/** What was observed of a container that ended. */
export interface ContainerEnd {
  readonly pod: TestPod;
  readonly state: ContainerState;
  readonly receipt: Receipt | undefined;
  /** Whether we stopped it at its deadline. */
  readonly stopped: boolean;
  /** Whether the kernel killed a process of it for memory. */
  readonly outOfMemory: boolean;
}

/** The verdict on a container that ended: what was done to it weighs more than the exit code it left. */
export function endOfContainer(end: ContainerEnd): { exitCode: number | undefined; reason: Reason; detail: string } {
  const { pod, state } = end;
  const exitCode = state.ExitCode;
  if (state.Running || !["exited", "stopped"].includes(state.Status)) {
    return {
      exitCode: undefined,
      reason: "unknown",
      detail: `Container ${pod.name} is ${state.Status}, but did not end.`,
    };
  }
  if (state.OOMKilled || end.outOfMemory) {
    const bound = pod.memory === undefined ? "the memory of this machine" : `its memory limit of ${pod.memory}`;
    return {
      exitCode,
      reason: "out-of-memory",
      detail: `The kernel killed a process of the test at ${bound} (exit code ${exitCode}).`,
    };
  }
  if (end.stopped || end.receipt?.timedOut) {
    const detail = `The test was still running at its timeout and was ended (exit code ${exitCode}).`;
    return { exitCode, reason: "timed-out", detail };
  }
  if (state.Error !== "")
    return { exitCode, reason: "container-start-failed", detail: `Container ${pod.name}: ${state.Error}` };
  if (exitCode === 0) return { exitCode, reason: "passed", detail: "The command ended with exit code 0." };
  const killed = exitCode === 137 ? " (SIGKILL)" : "";
  return { exitCode, reason: "test-failed", detail: `The command ended with exit code ${exitCode}${killed}.` };
}

/** Milliseconds between start and end by the engine's clock. */
export function runMsOf({ StartedAt, FinishedAt }: ContainerState): number {
  const runMs = Date.parse(FinishedAt) - Date.parse(StartedAt);
  return Number.isFinite(runMs) && runMs > 0 ? runMs : 0;
}
