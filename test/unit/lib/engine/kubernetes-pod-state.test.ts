import type { V1ContainerState, V1PodStatus } from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import { type PodState, readPodState } from "../../../../lib/engine/kubernetes-pod-state.ts";
import { endByReceipt } from "../../../../lib/engine/kubernetes-termination.ts";
import type { Plain, Pod } from "../../../../lib/kubernetes/resource.ts";

type Status = Partial<Plain<V1PodStatus>>;
type State = Plain<V1ContainerState>;

const container = (name: string, state: State) => ({
  name,
  state,
  image: "img",
  imageID: "",
  ready: false,
  restartCount: 0,
});
const limits = { memory: "1Gi" };

function podOf(test: State, status: Status = {}, metadata: Pod["metadata"] = {}): Pod {
  return {
    metadata: { name: "p", ...metadata },
    spec: { nodeName: "n1", containers: [{ name: "test", resources: { limits } }] },
    status: { phase: "Running", containerStatuses: [container("test", test)], ...status },
  };
}

function reasonOf(state: PodState): string {
  if (state.phase === "ended") return state.end.reason;
  return state.phase === "creating"
    ? `creating ${state.trouble?.reason ?? "well"} ${state.trouble?.patienceMs}`
    : state.phase;
}

const ended = (exitCode: number, rest: Partial<NonNullable<State["terminated"]>> = {}): State => ({
  terminated: { exitCode, ...rest },
});
const waiting = (reason: string, message = ""): State => ({ waiting: { reason, message } });
const disrupted = (reason: string): Status => ({
  conditions: [{ type: "DisruptionTarget", status: "True", reason, message: "because" }],
});
const timedOut = JSON.stringify({ exitCode: 0, timedOut: true, collected: 0, gpus: [] });

describe("readPodState of an ended test", () => {
  it.each<[string, Pod, string]>([
    ["exit code 0", podOf(ended(0)), "passed"],
    ["exit code 3", podOf(ended(3)), "test-failed"],
    ["OOMKilled", podOf(ended(137, { reason: "OOMKilled" })), "out-of-memory"],
    ["OOMKilled with exit code 0", podOf(ended(0, { reason: "OOMKilled" })), "out-of-memory"],
    ["a receipt that says timed out, whatever the code", podOf(ended(0, { message: timedOut })), "timed-out"],
    ["a start error", podOf(ended(128, { reason: "StartError", message: "exec" })), "container-start-failed"],
    ["an eviction", podOf(ended(137), { reason: "Evicted", message: "disk" }), "evicted"],
    ["a preemption", podOf(ended(143), disrupted("PreemptionByScheduler")), "evicted"],
    ["a node that was deleted", podOf(ended(137), disrupted("DeletionByPodGC")), "node-lost"],
    ["a node that lost track", podOf(ended(137, { reason: "ContainerStatusUnknown" })), "node-lost"],
    ["a deletion by somebody", podOf(ended(143), {}, { deletionTimestamp: "2026-01-01T00:00:00Z" }), "pod-deleted"],
    ["exit code 0 before a disruption", podOf(ended(0), disrupted("EvictionByEvictionAPI")), "passed"],
    ["a failed pod without an exit code", podOf({}, { phase: "Failed" }), "unknown"],
    ["an evicted pod that never ran", podOf({}, { phase: "Failed", reason: "Evicted" }), "evicted"],
    ["a pod that its node refused", podOf({}, { phase: "Failed", reason: "OutOfnvidia.com/gpu" }), "unschedulable"],
    ["a succeeded pod without an exit code", podOf({}, { phase: "Succeeded" }), "unknown"],
  ])("reads %s", (_name, pod, reason) => {
    expect(reasonOf(readPodState(pod))).toBe(reason);
  });

  it("names the memory limit and the exit code", () => {
    const state = readPodState(podOf(ended(137, { reason: "OOMKilled" })));
    expect(state).toMatchObject({
      end: { exitCode: 137, detail: "The kernel killed the test at its memory limit of 1Gi (exit code 137)." },
    });
  });

  it("hints at wrap: false when the image has no shell", () => {
    const message = 'runc create failed: exec: "/bin/sh": stat /bin/sh: no such file or directory';
    const state = readPodState(podOf(ended(128, { reason: "StartError", message })));
    expect(state.phase === "ended" && state.end.detail).toBe(
      "The image has no /bin/sh, which the wrapper and the collector need. Set wrap: false, and neither results nor artifacts.\n" +
        `The container could not be started: ${message}`,
    );
  });
});

describe("readPodState of a test that does not run yet", () => {
  const notFound = 'failed to resolve reference "localhost:32000/a": localhost:32000/a: not found';
  it.each<[string, State, string]>([
    ["a container being created", waiting("ContainerCreating"), "creating well undefined"],
    ["an image that is missing", waiting("ErrImagePull", notFound), "creating image-pull-failed 0"],
    ["a registry that refuses", waiting("ImagePullBackOff", "401 Unauthorized"), "creating image-pull-failed 15000"],
    [
      "a registry that stumbles",
      waiting("ErrImagePull", "500 Internal Server Error"),
      "creating image-pull-failed undefined",
    ],
    ["a malformed image name", waiting("InvalidImageName"), "creating image-pull-failed 0"],
    [
      "a missing ConfigMap",
      waiting("CreateContainerConfigError", "configmap x"),
      "creating container-start-failed 10000",
    ],
  ])("reads %s", (_name, state, expected) => {
    expect(reasonOf(readPodState(podOf(state, { phase: "Pending" })))).toBe(expected);
  });

  it("shows the registry's words without those around them", () => {
    const state = readPodState(podOf(waiting("ErrImagePull", `rpc error: code = NotFound desc = ${notFound}`)));
    expect(state).toMatchObject({ trouble: { detail: "Image img could not be pulled: localhost:32000/a: not found" } });
  });

  it("reads a collector that cannot start", () => {
    const lastState = { terminated: { exitCode: 128, reason: "StartError", message: "no such file" } };
    const collector = { ...container("collector", waiting("CrashLoopBackOff")), lastState };
    const pod = podOf(waiting("PodInitializing"), { phase: "Pending", initContainerStatuses: [collector] });
    expect(reasonOf(readPodState(pod))).toBe("creating container-start-failed 0");
  });

  it("names a service that runs and is not ready, and one that breaks again and again with its last words", () => {
    const pending = (db: ReturnType<typeof container> & { started?: boolean; lastState?: State }) =>
      readPodState(podOf(waiting("PodInitializing"), { phase: "Pending", initContainerStatuses: [db] }));
    expect(pending({ ...container("db", { running: {} }), started: false })).toEqual({
      phase: "creating",
      message: "service db runs and is not ready yet",
      trouble: undefined,
    });
    expect(
      pending({ ...container("db", waiting("CrashLoopBackOff")), lastState: ended(2, { message: "no disk\n" }) }),
    ).toMatchObject({
      trouble: { detail: "Service db ends with exit code 2 and never was ready. no disk", patienceMs: 0 },
    });
  });

  it("names a service that broke while the test ran beside its failure, and none that ended after it", () => {
    const at = (second: number) => new Date(second * 1000).toISOString();
    const test = ended(1, { startedAt: at(10), finishedAt: at(20) });
    const db = (second: number) => ({
      ...container("db", { running: {} }),
      lastState: ended(137, { reason: "OOMKilled", finishedAt: at(second) }),
    });
    const detailOf = (second: number) => {
      const state = readPodState(podOf(test, { initContainerStatuses: [db(second)] }));
      return state.phase === "ended" ? state.end.detail : state.phase;
    };
    expect([9, 15, 21].map(detailOf)).toEqual([
      "The command ended with exit code 1.",
      "The command ended with exit code 1. Service db was out of memory while the test ran.",
      "The command ended with exit code 1.",
    ]);
  });

  it("gives the scheduler's words", () => {
    const conditions = [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes" }];
    const pod: Pod = { spec: { containers: [] }, status: { phase: "Pending", conditions } };
    expect(readPodState(pod)).toEqual({ phase: "unscheduled", message: "0/1 nodes" });
  });

  it("reads a running test", () => {
    expect(readPodState(podOf({ running: {} }))).toEqual({ phase: "running" });
  });
});

describe("endByReceipt", () => {
  const receipt = (exitCode: number) =>
    JSON.stringify({ exitCode, timedOut: false, collected: 0, gpus: [], runMs: 20 });
  const running: State = { running: {} };
  const beside = (name: string): Pod => {
    const pod = podOf(running);
    return { ...pod, spec: { containers: [], ...pod.spec, initContainers: [{ name }] } };
  };

  it.each<[string, Pod, number, string | undefined]>([
    ["a test that passed", podOf(running), 0, "passed"],
    ["a test that failed", podOf(running), 3, "test-failed"],
    ["a test that failed beside the collector", beside("collector"), 3, "test-failed"],
    ["a test that passed beside a service", beside("db"), 0, "passed"],
    ["a test that failed beside a service: the node knows of what", beside("db"), 3, undefined],
  ])("judges %s", (_what, pod, exitCode, reason) => {
    expect(endByReceipt(pod, receipt(exitCode))?.reason).toBe(reason);
  });

  it("says what the node will say, and the time by the wrapper's clock", () => {
    const byNode = readPodState(podOf(ended(3, { message: receipt(3) })));
    expect(byNode).toEqual({ phase: "ended", end: endByReceipt(podOf(running), receipt(3)) });
    expect(endByReceipt(podOf(running), receipt(3))?.runMs).toBe(20);
  });

  it("knows nothing by a text that is no receipt", () => {
    expect(endByReceipt(podOf(running), '{"exitCode":"0"}')).toBeUndefined();
  });
});
