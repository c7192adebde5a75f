import type { ApiObject } from "./resource.ts";

/** Whether an object does what it was made for, and in words what is missing. */
export interface Readiness {
  readonly state: "ready" | "waiting" | "failed";
  readonly words: string;
}

interface Condition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
}

/** The fields that tell it, of all kinds that have some. */
interface Observed extends ApiObject {
  readonly spec?: { readonly replicas?: number; readonly completions?: number };
  readonly status?: Readonly<Record<string, unknown>> & {
    readonly phase?: string;
    readonly observedGeneration?: number;
    readonly conditions?: readonly Condition[];
  };
}

const ready: Readiness = { state: "ready", words: "" };

/**
 * Reads an object's own status as `kubectl rollout status` and `kubectl wait` do; a Job is ready when it is complete, and what runs nothing
 * (a Service, a ConfigMap, a claim that waits for its first consumer) is ready when it is there.
 */
export function readinessOf(object: ApiObject): Readiness {
  const judge = judges[object.kind ?? ""];
  return judge ? judge(object as Observed) : ready;
}

const judges: Readonly<Record<string, (object: Observed) => Readiness>> = {
  Deployment: (object) => {
    const stuck = conditionOf(object, "Progressing", "False");
    if (stuck) return { state: "failed", words: stuck.message ?? stuck.reason ?? "it makes no progress" };
    const wanted = object.spec?.replicas ?? 1;
    return replicas(object, wanted, Math.min(countOf(object, "updatedReplicas"), countOf(object, "availableReplicas")));
  },
  StatefulSet: (object) => replicas(object, object.spec?.replicas ?? 1, countOf(object, "readyReplicas")),
  ReplicaSet: (object) => replicas(object, object.spec?.replicas ?? 1, countOf(object, "readyReplicas")),
  ReplicationController: (object) => replicas(object, object.spec?.replicas ?? 1, countOf(object, "readyReplicas")),
  // Until its controller has looked, the number it wants is 0 as well.
  DaemonSet: (object) => replicas(object, countOf(object, "desiredNumberScheduled"), countOf(object, "numberReady")),
  Job: (object) => {
    const failed = conditionOf(object, "Failed", "True");
    if (failed) return { state: "failed", words: failed.message ?? failed.reason ?? "it failed" };
    const wanted = object.spec?.completions ?? 1;
    if (conditionOf(object, "Complete", "True")) return ready;
    return { state: "waiting", words: `${countOf(object, "succeeded")} of ${wanted} pods have succeeded` };
  },
  Pod: (object) => {
    const phase = object.status?.phase ?? "Pending";
    if (phase === "Failed") return { state: "failed", words: "it failed" };
    if (phase === "Succeeded" || conditionOf(object, "Ready", "True")) return ready;
    return { state: "waiting", words: `it is ${phase} and not ready` };
  },
};

function replicas(object: Observed, wanted: number, available: number): Readiness {
  const isSeen = (object.status?.observedGeneration ?? 0) >= (object.metadata?.generation ?? 0);
  if (isSeen && available >= wanted) return ready;
  return {
    state: "waiting",
    words: isSeen ? `${available} of ${wanted} pods are ready` : "its controller has not seen it",
  };
}

function countOf({ status }: Observed, field: string): number {
  const count = status?.[field];
  return typeof count === "number" ? count : 0;
}

function conditionOf({ status }: Observed, type: string, wanted: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type && condition.status === wanted);
}
