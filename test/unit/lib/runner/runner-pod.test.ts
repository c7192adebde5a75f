import { describe, expect, it } from "vitest";
import type { DrainSwitch, SwitchPosition } from "../../../../lib/runner/drain-switch.ts";
import { runnerPod, runnerSecret, templateHash } from "../../../../lib/runner/runner-pod.ts";
import { runnerConfig } from "../../../support/runner-objects.ts";

const running: DrainSwitch = { global: { state: "Running", endsAtMs: undefined }, nodes: new Map() };
const drained: SwitchPosition = { state: "DrainAndSuspend", endsAtMs: undefined };

function podOf(change: Record<string, unknown> = {}, drain: Parameters<typeof runnerPod>[0]["drain"] = running) {
  const config = runnerConfig({ runner: { image: "runner@sha256:00", ...change } });
  return runnerPod({ config, template: config.runner!, name: "team-runner-x", drain, owner: undefined });
}

describe("runnerPod", () => {
  it("is a pod for one job that has no rights, no GPU and no secret but its own", () => {
    expect(podOf()).toEqual({
      metadata: {
        name: "team-runner-x",
        labels: {
          "app.kubernetes.io/managed-by": "gpu-ci",
          "app.kubernetes.io/component": "runner",
          "gpu-ci/runner": "team",
          "gpu-ci/runner-state": "starting",
        },
        annotations: { "gpu-ci/template": templateHash(runnerConfig({ runner: { image: "runner@sha256:00" } })) },
      },
      spec: {
        restartPolicy: "Never",
        terminationGracePeriodSeconds: 30,
        activeDeadlineSeconds: 21_600,
        enableServiceLinks: false,
        automountServiceAccountToken: false,
        nodeSelector: {},
        tolerations: [],
        securityContext: {
          runAsNonRoot: true,
          runAsUser: 1000,
          runAsGroup: 1000,
          fsGroup: 1000,
          seccompProfile: { type: "RuntimeDefault" },
        },
        containers: [
          {
            name: "runner",
            image: "runner@sha256:00",
            env: [
              { name: "HOME", value: "/tmp" },
              { name: "GPU_CI_RUNNER_POD", value: "team-runner-x" },
            ],
            resources: {},
            securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
            volumeMounts: [
              { name: "work", mountPath: "/work" },
              { name: "tmp", mountPath: "/tmp" },
              { name: "runner", mountPath: "/etc/gpu-ci-runner", readOnly: true },
            ],
          },
        ],
        volumes: [
          { name: "work", emptyDir: { sizeLimit: "10Gi" } },
          { name: "tmp", emptyDir: { sizeLimit: "10Gi" } },
          { name: "runner", secret: { secretName: "team-runner-x", defaultMode: 0o440 } },
        ],
      },
    });
  });

  it("gives its Jobs' cluster, account, environment and resources where they are set", () => {
    const { spec } = podOf({
      serviceAccount: "gpu-ci-runner",
      kubeconfig: "gpu-ci-kubeconfig",
      env: { BUILDKIT_HOST: "tcp://buildkitd:1234" },
      resources: { limits: { cpu: "2" } },
      activeDeadline: "1h",
      runtimeClass: "kata",
      imagePullSecrets: [{ name: "pull" }],
    });
    expect(spec).toMatchObject({
      serviceAccountName: "gpu-ci-runner",
      automountServiceAccountToken: true,
      activeDeadlineSeconds: 3600,
      runtimeClassName: "kata",
      imagePullSecrets: [{ name: "pull" }],
      containers: [
        {
          env: [
            { name: "HOME", value: "/tmp" },
            { name: "GPU_CI_RUNNER_POD", value: "team-runner-x" },
            { name: "KUBECONFIG", value: "/etc/gpu-ci/kubeconfig/config" },
            { name: "BUILDKIT_HOST", value: "tcp://buildkitd:1234" },
          ],
          resources: { limits: { cpu: "2" } },
        },
      ],
    });
    expect(spec?.volumes?.at(-1)).toEqual({ name: "kubeconfig", configMap: { name: "gpu-ci-kubeconfig" } });
  });

  it("stays away from drained nodes", () => {
    const nodes = new Map([
      ["a", drained],
      ["b", drained],
    ]);
    expect(podOf({}, { ...running, nodes }).spec?.affinity?.nodeAffinity).toEqual({
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [
          {
            matchFields: [
              { key: "metadata.name", operator: "NotIn", values: ["a"] },
              { key: "metadata.name", operator: "NotIn", values: ["b"] },
            ],
          },
        ],
      },
    });
  });

  it("goes to the nodes that run while the others are drained", () => {
    const nodes = new Map([
      ["a", running.global],
      ["b", drained],
    ]);
    expect(podOf({}, { global: drained, nodes }).spec?.affinity?.nodeAffinity).toEqual({
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["a"] }] }],
      },
    });
  });

  it("lets the patch have the last word", () => {
    const sidecar = { name: "relay", image: "relay@sha256:00", restartPolicy: "Always" };
    const { spec } = podOf({ podPatch: { initContainers: [sidecar], terminationGracePeriodSeconds: 5 } });
    expect([spec?.initContainers, spec?.terminationGracePeriodSeconds]).toEqual([[sidecar], 5]);
  });
});

describe("runnerSecret", () => {
  it("holds one registration and goes with its pod", () => {
    const registration = { id: 7, name: "team-runner-x", file: "jitconfig", content: "secret" };
    const pod = { metadata: { name: "team-runner-x", uid: "pod-uid" } };
    expect(runnerSecret(runnerConfig(), registration, pod)).toEqual({
      metadata: {
        name: "team-runner-x",
        labels: {
          "app.kubernetes.io/managed-by": "gpu-ci",
          "app.kubernetes.io/component": "runner",
          "gpu-ci/runner": "team",
        },
        ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "team-runner-x", uid: "pod-uid" }],
      },
      type: "Opaque",
      immutable: true,
      stringData: { jitconfig: "secret" },
    });
  });
});

describe("templateHash", () => {
  it("changes with what a new runner would be, not with how many there are", () => {
    const hash = templateHash(runnerConfig());
    expect(templateHash(runnerConfig({ replicas: 5, interval: "1s" }))).toBe(hash);
    expect(templateHash(runnerConfig({ labels: ["other"] }))).not.toBe(hash);
    expect(templateHash(runnerConfig({ runner: { image: "newer@sha256:11" } }))).not.toBe(hash);
  });
});
