import { describe, expect, it } from "vitest";
import { testJob, testSecret } from "../../../../lib/engine/kubernetes-job.ts";
import { secretsOf } from "../../../../lib/engine/test-secrets.ts";
import { testPodOf } from "../../../support/test-pod.ts";

const specOf = (...args: Parameters<typeof testPodOf>) => {
  const spec = testJob(testPodOf(...args)).spec?.template.spec;
  if (!spec) throw new Error("no pod spec");
  return spec;
};
const tolerated = (key: string) => ({ key, operator: "Exists", effect: "NoSchedule" });

describe("a pod with GPUs", () => {
  it.each([
    ["nvidia.com/gpu", [tolerated("nvidia.com/gpu")]],
    ["nvidia.com/mig-1g.5gb", [tolerated("nvidia.com/mig-1g.5gb"), tolerated("nvidia.com/gpu")]],
    ["nvidia.com/gpu.shared", [tolerated("nvidia.com/gpu.shared"), tolerated("nvidia.com/gpu")]],
    ["amd.com/gpu", [tolerated("amd.com/gpu")]],
  ])("asks for %s by its name and tolerates the taints of its nodes", (gpuResource, tolerations) => {
    const spec = specOf({ gpus: 2, gpuResource });
    const amounts = { [gpuResource]: "2" };
    expect(spec.containers[0]?.resources).toEqual({ requests: amounts, limits: amounts });
    expect([spec.tolerations, spec.resourceClaims]).toEqual([tolerations, undefined]);
  });

  it("makes a claim for each GPU from a template, for the test's container alone", () => {
    const spec = specOf({ gpus: 2, gpuResource: "resource.k8s.io/whole-gpu", collect: ["x"], cpu: "1" });
    expect(spec.resourceClaims).toEqual([
      { name: "gpu-0", resourceClaimTemplateName: "whole-gpu" },
      { name: "gpu-1", resourceClaimTemplateName: "whole-gpu" },
    ]);
    expect(spec.containers[0]?.resources).toEqual({
      requests: { cpu: "1" },
      limits: { cpu: "1" },
      claims: [{ name: "gpu-0" }, { name: "gpu-1" }],
    });
    expect(spec.initContainers?.map(({ resources }) => resources?.claims)).toEqual([undefined]);
    expect(spec.tolerations).toEqual([tolerated("nvidia.com/gpu")]);
  });
});

describe("a pod with files", () => {
  const secretFiles = [{ mountPath: "/etc/app/token.json", content: Buffer.from('{"token":"s3cret"}\n') }];

  it("has them in the run's Secret, at their paths, for the test alone, and not in its manifest", () => {
    const pod = testPodOf({ secretFiles, collect: ["x"] });
    const spec = specOf({ secretFiles, collect: ["x"] });
    const mount = { name: "gpu-ci-files", mountPath: "/etc/app/token.json", subPath: "file.0", readOnly: true };
    expect(testSecret(pod).data).toEqual({ "file.0": Buffer.from('{"token":"s3cret"}\n').toString("base64") });
    expect(spec.containers[0]?.volumeMounts).toContainEqual(mount);
    expect(spec.initContainers?.flatMap(({ volumeMounts }) => volumeMounts)).not.toContainEqual(mount);
    expect(spec.volumes).toContainEqual({
      name: "gpu-ci-files",
      secret: { secretName: "gpu-ci-1-1", defaultMode: 0o444, items: [{ key: "file.0", path: "file.0" }] },
    });
    expect(JSON.stringify(testJob(pod))).not.toContain("s3cret");
    expect(secretsOf(pod)).toContain('{"token":"s3cret"}');
  });
});

describe("a pod in a queue", () => {
  it("waits suspended, under Kueue's label", () => {
    const { metadata, spec } = testJob(testPodOf({ placement: { ...testPodOf().placement, queueName: "team" } }));
    expect([metadata?.labels?.["kueue.x-k8s.io/queue-name"], spec?.suspend]).toEqual(["team", true]);
    expect(testJob(testPodOf()).spec?.suspend).toBeUndefined();
  });
});

describe("a pod with a place", () => {
  it("says each part of it in the words of Kubernetes", () => {
    const placement = {
      nodeSelector: { "nvidia.com/gpu.product": "A100" },
      tolerations: [
        { key: "team", value: "ml", effect: "NoExecute" as const },
        { key: "any", value: undefined, effect: undefined },
      ],
      runtimeClass: "nvidia",
      queueName: undefined,
      priorityClass: "high",
      serviceAccount: "tester",
      volumes: [
        { kind: "pvc" as const, source: "data", mountPath: "/data", readOnly: true },
        { kind: "configmap" as const, source: "conf", mountPath: "/conf", readOnly: false },
        { kind: "secret" as const, source: "keys", mountPath: "/keys", readOnly: true },
        { kind: "host" as const, source: "/models", mountPath: "/models", readOnly: true },
        { kind: "empty" as const, source: "1Gi", mountPath: "/scratch", readOnly: false },
      ],
      podPatch: undefined,
    };
    const spec = specOf({ placement });
    expect(spec).toMatchObject({
      nodeSelector: { "nvidia.com/gpu.product": "A100" },
      tolerations: [
        { key: "team", operator: "Equal", value: "ml", effect: "NoExecute" },
        { key: "any", operator: "Exists" },
      ],
      runtimeClassName: "nvidia",
      priorityClassName: "high",
      serviceAccountName: "tester",
      automountServiceAccountToken: false,
      containers: [
        {
          volumeMounts: [
            { name: "volume-0", mountPath: "/data", readOnly: true },
            { name: "volume-1", mountPath: "/conf", readOnly: false },
            { name: "volume-2", mountPath: "/keys", readOnly: true },
            { name: "volume-3", mountPath: "/models", readOnly: true },
            { name: "volume-4", mountPath: "/scratch", readOnly: false },
          ],
        },
      ],
      volumes: [
        { name: "volume-0", persistentVolumeClaim: { claimName: "data", readOnly: true } },
        { name: "volume-1", configMap: { name: "conf" } },
        { name: "volume-2", secret: { secretName: "keys" } },
        { name: "volume-3", hostPath: { path: "/models" } },
        { name: "volume-4", emptyDir: { sizeLimit: "1Gi" } },
      ],
    });
  });
});
