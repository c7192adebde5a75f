import { describe, expect, it } from "vitest";
import type { DrainSwitch, RunnerState } from "../../../../lib/runner/drain-switch.ts";
import {
  planRunners,
  type RunnerPlan,
  type RunnerScene,
  type RunnerStep,
} from "../../../../lib/runner/plan-runners.ts";
import { forgeRunnerOf, lookedAt, runnerPodOf } from "../../../support/runner-objects.ts";

const plan: RunnerPlan = { replicas: 2, template: "now", registerTimeoutMs: 300_000, mayCreate: true };

function drain(global: RunnerState, nodes: Record<string, RunnerState> = {}, endsAtMs?: number): DrainSwitch {
  const own = Object.entries(nodes).map(([node, state]) => [node, { state, endsAtMs }] as const);
  return { global: { state: global, endsAtMs }, nodes: new Map(own) };
}

function steps(scene: Partial<RunnerScene>, change: Partial<RunnerPlan> = {}): string[] {
  const whole: RunnerScene = {
    pods: [],
    runners: [],
    drain: drain("Running"),
    nodes: undefined,
    awaySince: new Map(),
    nowMs: lookedAt,
    ...scene,
  };
  return planRunners(whole, { ...plan, ...change }).map(inWords);
}

function inWords(step: RunnerStep): string {
  if (step.kind === "create") return "create";
  if (step.kind === "forget") return `forget ${step.runner.name}`;
  const name = step.pod.metadata?.name;
  if (step.kind === "mark") return `mark ${name} ${step.activity}`;
  return `${step.kind} ${name}: ${step.reason}`;
}

const idle = forgeRunnerOf;
const busy = (name: string) => forgeRunnerOf(name, { busy: true });

describe("planRunners", () => {
  it("makes what is missing", () => {
    expect(steps({})).toEqual(["create", "create"]);
    expect(steps({ pods: [runnerPodOf("x")], runners: [idle("x")] })).toEqual(["create"]);
  });

  it("has nothing to do when all is as wanted: a controller that starts anew doubles nothing", () => {
    expect(steps({ pods: [runnerPodOf("x"), runnerPodOf("y")], runners: [idle("x"), idle("y")] })).toEqual([]);
  });

  it("replaces a runner that had its job", () => {
    const pods = [runnerPodOf("x", { phase: "Succeeded" }), runnerPodOf("y")];
    expect(steps({ pods, runners: [idle("y")] })).toEqual(["remove x: its job is done", "create"]);
  });

  it("counts a pod that is being deleted as gone, and leaves its runner until it is", () => {
    const pods = [runnerPodOf("x", { isDeleting: true }), runnerPodOf("y")];
    expect(steps({ pods, runners: [busy("x"), idle("y")] })).toEqual(["create"]);
  });

  it("takes a runner without a pod off the forge's list", () => {
    const pods = [runnerPodOf("x"), runnerPodOf("y")];
    expect(steps({ pods, runners: [idle("x"), idle("y"), busy("killed")] })).toEqual(["forget killed"]);
  });

  it("notes what a runner does", () => {
    const pods = [runnerPodOf("x", { activity: "starting" }), runnerPodOf("y")];
    expect(steps({ pods, runners: [idle("x"), busy("y")] })).toEqual(["mark x idle", "mark y busy"]);
  });

  it("makes nothing and ends nothing while the forge is away", () => {
    expect(steps({ pods: [runnerPodOf("x", { ageMs: 900_000, activity: "starting" })], runners: undefined })).toEqual(
      [],
    );
  });

  it("waits where runners fail at once", () => {
    expect(steps({}, { mayCreate: false })).toEqual([]);
  });

  it("removes a runner that never registered, with what it waits for", () => {
    const pod = runnerPodOf("x", { activity: "starting", phase: "Pending", ageMs: 300_001 });
    const waiting = { reason: "ImagePullBackOff", message: "no such image" };
    const status = { phase: "Pending", containerStatuses: [{ name: "runner", state: { waiting } }] };
    expect(
      steps({ pods: [{ ...pod, status } as never], runners: [idle("x", { online: false })] }, { replicas: 1 }),
    ).toEqual(["remove x: it never registered: ImagePullBackOff: no such image", "create"]);
  });

  it("removes a runner that the forge has lost, after two minutes", () => {
    const lost = (sinceMs: number) =>
      steps({ pods: [runnerPodOf("x")], awaySince: new Map([["uid-x", lookedAt - sinceMs]]) }, { replicas: 1 });
    expect(lost(119_000)).toEqual([]);
    expect(lost(121_000)).toEqual(["remove x: the forge has not seen its runner for two minutes", "create"]);
  });

  it("replaces idle runners of older settings, busy ones later", () => {
    const pods = [runnerPodOf("x", { template: "then" }), runnerPodOf("y", { template: "then", activity: "busy" })];
    expect(steps({ pods, runners: [idle("x"), busy("y")] })).toEqual([
      "retire x: it was made with older settings",
      "create",
    ]);
  });

  it("retires idle runners when fewer are wanted, those that are not up yet first", () => {
    const pods = [runnerPodOf("x"), runnerPodOf("y", { activity: "busy" }), runnerPodOf("z", { activity: "starting" })];
    const runners = [idle("x"), busy("y"), idle("z", { online: false })];
    expect(steps({ pods, runners }, { replicas: 2 })).toEqual(["retire z: 2 are wanted"]);
    expect(steps({ pods, runners }, { replicas: 0 })).toEqual(["retire z: 0 are wanted", "retire x: 0 are wanted"]);
  });
});

describe("planRunners under a drain", () => {
  const pods = [runnerPodOf("x"), runnerPodOf("y", { activity: "busy", node: "b" })];
  const runners = [idle("x"), busy("y")];

  it("retires idle runners, lets busy ones finish and makes none", () => {
    expect(steps({ pods, runners, drain: drain("DrainAndSuspend") })).toEqual(["retire x: it is drained"]);
    expect(steps({ pods: [], runners: [], drain: drain("DrainAndTerminate") })).toEqual([]);
  });

  it("ends busy runners when the deadline has passed, even while the forge is away", () => {
    const late = drain("DrainAndSuspend", {}, lookedAt);
    const reason = "the drain's deadline has passed";
    expect(steps({ pods, runners, drain: late })).toEqual([`remove x: ${reason}`, `remove y: ${reason}`]);
    expect(steps({ pods, runners: undefined, drain: late })).toEqual([`remove x: ${reason}`, `remove y: ${reason}`]);
    expect(steps({ pods, runners, drain: drain("DrainAndSuspend", {}, lookedAt + 1) })).toEqual([
      "retire x: it is drained",
    ]);
  });

  it("moves runners away from one node", () => {
    const onA = { drain: drain("Running", { a: "DrainAndSuspend" }), nodes: ["a", "b"] };
    expect(steps({ pods, runners, ...onA })).toEqual(["retire x: it is drained", "create"]);
  });

  it("keeps a node drained although all others run", () => {
    expect(steps({ drain: drain("Running", { a: "DrainAndSuspend" }), nodes: ["a"] })).toEqual([]);
  });

  it("makes runners for the one node that runs", () => {
    const onB = drain("DrainAndSuspend", { b: "Running" });
    expect(steps({ drain: onB, nodes: ["a", "b"] })).toEqual(["create", "create"]);
    expect(steps({ drain: onB, nodes: undefined })).toEqual(["create", "create"]);
    expect(steps({ drain: onB, nodes: ["a"] })).toEqual([]);
  });

  it("retires a pod that has no node yet", () => {
    const pending = runnerPodOf("x", { activity: "starting", node: "", phase: "Pending" });
    expect(steps({ pods: [pending], drain: drain("DrainAndSuspend") })).toEqual(["retire x: it is drained"]);
  });
});
