import type { Pod } from "../kubernetes/resource.ts";
import { type DrainSwitch, positionOf } from "./drain-switch.ts";
import { describeEnd, hasEnded, hasFailed, waitingReason } from "./pod-end.ts";
import type { ForgeRunner } from "./runner-forge.ts";
import { activityLabel, type RunnerActivity, templateAnnotation } from "./runner-pod.ts";

/** What the controller sees in one look. */
export interface RunnerScene {
  /** Runner pods of the release, with those that are being deleted. */
  readonly pods: readonly Pod[];
  /** Our runners at the forge; undefined while the forge is away. */
  readonly runners: readonly ForgeRunner[] | undefined;
  readonly drain: DrainSwitch;
  /** Names of the nodes that take pods; undefined when we may not list them. */
  readonly nodes: readonly string[] | undefined;
  /** Since when a pod's runner, once seen, has been away from the forge, by the pod's uid, in milliseconds since 1970. */
  readonly awaySince: ReadonlyMap<string, number>;
  readonly nowMs: number;
}

/** What is wanted. */
export interface RunnerPlan {
  readonly replicas: number;
  /** Hash of the settings that new pods are made with. */
  readonly template: string;
  readonly registerTimeoutMs: number;
  /** False while runners that end at once are given time. */
  readonly mayCreate: boolean;
}

/** One thing to do. */
export type RunnerStep =
  | { readonly kind: "create" }
  /** The pod goes, whatever it does; what is left of its runner at the forge goes too. `alarm` is worth an Event. */
  | { readonly kind: "remove"; readonly pod: Pod; readonly reason: string; readonly alarm: boolean }
  /** The pod goes if its runner has no job. */
  | { readonly kind: "retire"; readonly pod: Pod; readonly runner: ForgeRunner | undefined; readonly reason: string }
  /** A runner at the forge that has no pod any more. */
  | { readonly kind: "forget"; readonly runner: ForgeRunner }
  | { readonly kind: "mark"; readonly pod: Pod; readonly activity: RunnerActivity };

/** A runner that the forge has taken from its list after its job may need this long to end. */
export const awayLimitMs = 120_000;

/** Decides what to do next. It remembers nothing: the same look gives the same steps, also after a restart. */
export function planRunners(scene: RunnerScene, plan: RunnerPlan): readonly RunnerStep[] {
  const present = scene.pods.filter(({ metadata }) => metadata?.deletionTimestamp === undefined);
  const judged = present.map((pod) => judgePod(pod, scene, plan));
  const steps = judged.flatMap(({ steps: own }) => own);
  const working = judged.filter(({ counts }) => counts);
  const wanted = isAnywhereOpen(scene) ? plan.replicas : 0;
  const surplus = working
    .filter(({ activity }) => activity !== "busy")
    .toSorted((a, b) => Number(a.activity === "idle") - Number(b.activity === "idle"))
    .slice(0, Math.max(0, working.length - wanted))
    .map(({ pod, runner }) => ({ kind: "retire", pod, runner, reason: `${wanted} are wanted` }) as const);
  const missing = scene.runners !== undefined && plan.mayCreate ? Math.max(0, wanted - working.length) : 0;
  return [
    ...steps,
    ...(scene.runners === undefined ? [] : surplus),
    ...forgotten(scene),
    ...Array.from({ length: missing }, () => ({ kind: "create" }) as const),
  ];
}

/** What a pod's runner does, as far as the forge tells. */
export function activityOf(pod: Pod, runner: ForgeRunner | undefined): RunnerActivity {
  if (runner?.busy) return "busy";
  if (runner?.online) return "idle";
  const last = pod.metadata?.labels?.[activityLabel];
  return last === "idle" || last === "busy" ? last : "starting";
}

interface Judgement {
  readonly pod: Pod;
  readonly runner: ForgeRunner | undefined;
  readonly activity: RunnerActivity;
  /** Whether it is one of those that are wanted. */
  readonly counts: boolean;
  readonly steps: readonly RunnerStep[];
}

function judgePod(pod: Pod, scene: RunnerScene, plan: RunnerPlan): Judgement {
  const runner = scene.runners?.find(({ name }) => name === pod.metadata?.name);
  const activity = activityOf(pod, runner);
  const gone = (reason: string, alarm: boolean): Judgement => {
    return { pod, runner, activity, counts: false, steps: [{ kind: "remove", pod, reason, alarm }] };
  };
  if (hasEnded(pod)) return gone(describeEnd(pod), hasFailed(pod));
  const position = positionOf(scene.drain, pod.spec?.nodeName);
  const isDrained = position.state !== "Running";
  if (isDrained && position.endsAtMs !== undefined && position.endsAtMs <= scene.nowMs) {
    return gone("the drain's deadline has passed", activity === "busy");
  }
  // While the forge is away nobody gets a job, and nobody can tell who has one.
  if (scene.runners === undefined) return { pod, runner, activity, counts: true, steps: [] };
  const lost = lostReason(pod, activity, scene, plan);
  if (lost !== undefined) return gone(lost, true);
  const mark: RunnerStep[] =
    pod.metadata?.labels?.[activityLabel] === activity ? [] : [{ kind: "mark", pod, activity }];
  if (activity === "busy") return { pod, runner, activity, counts: !isDrained, steps: mark };
  const isOld = pod.metadata?.annotations?.[templateAnnotation] !== plan.template;
  if (!isDrained && !isOld) return { pod, runner, activity, counts: true, steps: mark };
  const reason = isDrained ? "it is drained" : "it was made with older settings";
  return { pod, runner, activity, counts: false, steps: [...mark, { kind: "retire", pod, runner, reason }] };
}

function lostReason(pod: Pod, activity: RunnerActivity, scene: RunnerScene, plan: RunnerPlan): string | undefined {
  if (activity === "starting") {
    const ageMs = scene.nowMs - Date.parse(pod.metadata?.creationTimestamp ?? "");
    return ageMs > plan.registerTimeoutMs ? `it never registered: ${waitingReason(pod)}` : undefined;
  }
  const since = scene.awaySince.get(pod.metadata?.uid ?? "");
  const isAway = since !== undefined && scene.nowMs - since > awayLimitMs;
  return isAway ? "the forge has not seen its runner for two minutes" : undefined;
}

/** A pod that is being deleted still has its runner until it is gone: it tells the forge how its job ended. */
function forgotten({ pods, runners = [] }: RunnerScene): readonly RunnerStep[] {
  const names = new Set(pods.map(({ metadata }) => metadata?.name));
  return runners.filter(({ name }) => !names.has(name)).map((runner) => ({ kind: "forget", runner }));
}

function isAnywhereOpen({ drain, nodes }: RunnerScene): boolean {
  if (nodes !== undefined) return nodes.some((node) => positionOf(drain, node).state === "Running");
  return drain.global.state === "Running" || [...drain.nodes.values()].some(({ state }) => state === "Running");
}
