import { describe, expect, it } from "vitest";
import { readinessOf } from "../../../../lib/kubernetes/readiness.ts";

const of = (kind: string, spec: object, status: object, generation = 1) =>
  readinessOf({ kind, metadata: { generation }, spec, status } as never);
const ready = { state: "ready", words: "" };

describe("readinessOf", () => {
  it.each([
    ["Service", {}, {}],
    ["PersistentVolumeClaim", {}, { phase: "Pending" }],
    ["Deployment", { replicas: 2 }, { observedGeneration: 1, updatedReplicas: 2, availableReplicas: 2 }],
    ["Deployment", { replicas: 0 }, { observedGeneration: 1 }],
    ["StatefulSet", {}, { observedGeneration: 1, readyReplicas: 1 }],
    ["DaemonSet", {}, { observedGeneration: 1, desiredNumberScheduled: 2, numberReady: 2 }],
    ["ReplicationController", { replicas: 1 }, { observedGeneration: 1, readyReplicas: 1 }],
    ["Job", { completions: 2 }, { conditions: [{ type: "Complete", status: "True" }] }],
    ["Pod", {}, { phase: "Running", conditions: [{ type: "Ready", status: "True" }] }],
    ["Pod", {}, { phase: "Succeeded" }],
  ])("takes a %s of %j with %j for ready", (kind, spec, status) => expect(of(kind, spec, status)).toEqual(ready));

  it.each([
    [
      "Deployment",
      { replicas: 2 },
      { observedGeneration: 1, updatedReplicas: 2, availableReplicas: 1 },
      "1 of 2 pods are ready",
    ],
    [
      "Deployment",
      { replicas: 1 },
      { observedGeneration: 1, updatedReplicas: 0, availableReplicas: 1 },
      "0 of 1 pods are ready",
    ],
    ["DaemonSet", {}, {}, "its controller has not seen it"],
    ["StatefulSet", {}, { observedGeneration: 1 }, "0 of 1 pods are ready"],
    ["Job", { completions: 3 }, { succeeded: 1 }, "1 of 3 pods have succeeded"],
    ["Pod", {}, {}, "it is Pending and not ready"],
    ["Pod", {}, { phase: "Running", conditions: [{ type: "Ready", status: "False" }] }, "it is Running and not ready"],
  ])("waits for a %s of %j with %j", (kind, spec, status, words) =>
    expect(of(kind, spec, status)).toEqual({ state: "waiting", words }),
  );

  it("tells a failed Job from a complete one, though both have a condition that is True", () => {
    const conditions = [{ type: "Failed", status: "True", message: "Job has reached the specified backoff limit" }];
    expect(of("Job", {}, { conditions })).toEqual({
      state: "failed",
      words: "Job has reached the specified backoff limit",
    });
  });

  it("gives up a Deployment that makes no progress, and a pod that failed", () => {
    const conditions = [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }];
    expect(of("Deployment", {}, { conditions }).words).toBe("ProgressDeadlineExceeded");
    expect(of("Pod", {}, { phase: "Failed" }).state).toBe("failed");
  });
});
