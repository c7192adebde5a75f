import { describe, expect, it } from "vitest";
import { inKindOrder, markObject } from "../../../../lib/engine/stack-object.ts";

const marks = { name: "gpu-ci-1-1-stack", labels: { "gpu-ci/run": "1-1" }, annotations: { "gpu-ci/expires": "t" } };
const labels = { "gpu-ci/run": "1-1", "gpu-ci/stack": "gpu-ci-1-1-stack" };
const pod = { terminationGracePeriodSeconds: 3, automountServiceAccountToken: false };

describe("inKindOrder", () => {
  it("makes what others need first, and keeps the order of the manifests within a kind", () => {
    const kinds = ["Job", "Deployment", "Widget", "Service", "Secret", "ServiceAccount", "Pod", "Widget"];
    const ordered = inKindOrder(kinds.map((kind, index) => ({ kind, index })));
    expect(ordered.map(({ kind, index }) => `${kind}${index}`)).toEqual([
      "ServiceAccount5",
      "Secret4",
      "Service3",
      "Widget2",
      "Widget7",
      "Pod6",
      "Deployment1",
      "Job0",
    ]);
  });
});

describe("markObject", () => {
  const metadata = { name: "x", labels: { app: "x" } };

  it("marks a Deployment and its pods, whose selector still fits", () => {
    const spec = {
      selector: { matchLabels: { app: "x" } },
      template: { metadata: { labels: { app: "x" } }, spec: { containers: [] } },
    };
    expect(markObject({ apiVersion: "apps/v1", kind: "Deployment", metadata, spec }, marks)).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "x", labels: { app: "x", ...labels }, annotations: marks.annotations },
      spec: {
        selector: { matchLabels: { app: "x" } },
        template: {
          metadata: { labels: { app: "x", ...labels }, annotations: marks.annotations },
          spec: { ...pod, containers: [] },
        },
      },
    });
  });

  it("leaves a grace period and an account that the manifest names", () => {
    const spec = { terminationGracePeriodSeconds: 60, serviceAccountName: "app" };
    expect(markObject({ apiVersion: "v1", kind: "Pod", metadata, spec }, marks).spec).toEqual(spec);
  });

  it("reaches the pods of a CronJob, and lets a StatefulSet's claims go with it", () => {
    const cron = { jobTemplate: { spec: { template: { spec: { containers: [] } } } } };
    const made = markObject({ apiVersion: "batch/v1", kind: "CronJob", metadata, spec: cron }, marks);
    expect(made.spec).toEqual({
      jobTemplate: {
        spec: { template: { metadata: { labels, annotations: marks.annotations }, spec: { ...pod, containers: [] } } },
      },
    });
    const spec = { volumeClaimTemplates: [{}], template: {} };
    expect(markObject({ apiVersion: "apps/v1", kind: "StatefulSet", metadata, spec }, marks).spec).toMatchObject({
      persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" },
    });
  });

  it("leaves the data of everything else as it is", () => {
    const secret = { apiVersion: "v1", kind: "Secret", metadata, stringData: { a: "b" } };
    expect(markObject(secret, marks)).toEqual({
      ...secret,
      metadata: { name: "x", labels: { app: "x", ...labels }, annotations: marks.annotations },
    });
  });
});
