import { describe, expect, it } from "vitest";
import { type ContainerState, endOfContainer } from "../../../../lib/engine/container-state.ts";
import { testPodOf } from "../../../support/test-pod.ts";

const exited: ContainerState = {
  Status: "exited",
  Running: false,
  OOMKilled: false,
  Pid: 0,
  ExitCode: 0,
  Error: "",
  StartedAt: "2026-01-01T00:00:00Z",
  FinishedAt: "2026-01-01T00:00:01Z",
};
const pod = testPodOf({ image: "a", memory: "1Gi" });
const end = { pod, state: exited, receipt: undefined, stopped: false, outOfMemory: false };
const late = { exitCode: 0, timedOut: true, collected: 0, gpus: [] };

describe("The verdict on a container", () => {
  it.each([
    [end, "passed"],
    [{ ...end, state: { ...exited, ExitCode: 5 } }, "test-failed"],
    [{ ...end, state: { ...exited, OOMKilled: true } }, "out-of-memory"],
    [{ ...end, outOfMemory: true, stopped: true }, "out-of-memory"],
    [{ ...end, stopped: true, state: { ...exited, ExitCode: 143 } }, "timed-out"],
    [{ ...end, receipt: late }, "timed-out"],
    [{ ...end, state: { ...exited, Error: "exec format error", ExitCode: 126 } }, "container-start-failed"],
    [{ ...end, state: { ...exited, Status: "running", Running: true } }, "unknown"],
    [{ ...end, state: { ...exited, Status: "created" } }, "unknown"],
  ] as const)("of %j is %s", (observed, reason) => {
    expect(endOfContainer(observed).reason).toBe(reason);
  });

  it("does not guess who killed a test", () => {
    const killed = endOfContainer({ ...end, state: { ...exited, ExitCode: 137 } });
    expect(killed.detail).toBe("The command ended with exit code 137 (SIGKILL).");
  });
});
