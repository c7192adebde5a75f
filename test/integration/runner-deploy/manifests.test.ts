import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { podSpecsOf, restrictedViolations } from "../../support/pod-specs.ts";
import { prepareTimeoutMs, prepareTools } from "../../support/prepare-tools.ts";
import {
  allValues,
  helm,
  leastValues,
  type Manifest,
  manifestOf,
  renderChart,
  runnerChart,
} from "../../support/runner-chart.ts";

let least: readonly Manifest[];
let all: readonly Manifest[];
let arc: readonly Manifest[];

beforeAll(() => prepareTools("helm"), prepareTimeoutMs);
beforeAll(async () => {
  [least, all, arc] = await Promise.all([
    renderChart(leastValues),
    renderChart(allValues),
    renderChart({ mode: "arc", arc: { scaleSet: "gpu" }, controller: leastValues.controller }),
  ]);
});

const names = (manifests: readonly Manifest[]) =>
  manifests.map(
    ({ kind, metadata }) => `${kind} ${metadata.namespace ? `${metadata.namespace}/` : ""}${metadata.name}`,
  );

describe("the runners' chart", () => {
  it("passes helm lint", async () => {
    expect(await helm(["lint", "--strict", runnerChart], leastValues)).toContain("0 chart(s) failed");
  });

  it("creates this by default, and nothing else", () => {
    expect(names(least).toSorted()).toEqual([
      "ClusterRole gpu-ci-observer",
      "ClusterRoleBinding gpu-ci-ci-observer",
      "ConfigMap ci/gpu-ci-config",
      "ConfigMap ci/gpu-ci-kubeconfig",
      "ConfigMap ci/gpu-ci-runners",
      "Deployment ci/gpu-ci-controller",
      "Job ci/gpu-ci-uninstall",
      "LimitRange ci-jobs/gpu-ci",
      "Namespace ci-jobs",
      "NetworkPolicy ci-jobs/gpu-ci-deny",
      "NetworkPolicy ci-jobs/gpu-ci-jobs",
      "NetworkPolicy ci/gpu-ci-controller",
      "NetworkPolicy ci/gpu-ci-deny",
      "NetworkPolicy ci/gpu-ci-runner",
      "Pod ci/gpu-ci-helm-test",
      "ResourceQuota ci-jobs/gpu-ci",
      "Role ci-jobs/gpu-ci-controller-jobs",
      "Role ci-jobs/gpu-ci-runner",
      "Role ci/gpu-ci-controller",
      "Role ci/gpu-ci-uninstall",
      "Role kube-public/gpu-ci-ci",
      "RoleBinding ci-jobs/gpu-ci-controller-jobs",
      "RoleBinding ci-jobs/gpu-ci-runner",
      "RoleBinding ci/gpu-ci-controller",
      "RoleBinding ci/gpu-ci-uninstall",
      "RoleBinding kube-public/gpu-ci-ci",
      "ServiceAccount ci/gpu-ci-controller",
      "ServiceAccount ci/gpu-ci-runner",
      "ServiceAccount ci/gpu-ci-uninstall",
      "ValidatingAdmissionPolicy gpu-ci-ci-drain",
      "ValidatingAdmissionPolicy gpu-ci-ci-images",
      "ValidatingAdmissionPolicyBinding gpu-ci-ci-drain",
      "ValidatingAdmissionPolicyBinding gpu-ci-ci-images",
    ]);
  });

  it("adds what is switched on, each part by its own value", () => {
    expect(
      names(all)
        .filter((name) => !names(least).includes(name))
        .toSorted(),
    ).toEqual([
      "ConfigMap ci/gpu-ci-buildkitd",
      "CronJob ci/gpu-ci-registry-prune",
      "DaemonSet ci-jobs/gpu-ci-prepull-simulated",
      "Deployment ci/gpu-ci-buildkitd",
      "NetworkPolicy ci/gpu-ci-buildkitd",
      "NetworkPolicy ci/gpu-ci-registry-prune",
      "Role ci/gpu-ci-drain",
      "RoleBinding ci/gpu-ci-drain",
      "Service ci/gpu-ci-buildkitd",
      "ServiceAccount ci/gpu-ci-registry-prune",
    ]);
  });

  it("labels every object", () => {
    const unlabelled = all.filter(({ metadata }) => metadata.labels?.["app.kubernetes.io/managed-by"] !== "gpu-ci");
    expect(names(unlabelled)).toEqual([]);
  });

  it("makes pods that pass Pod Security restricted, but for the builder that needs a user namespace", () => {
    const broken = podSpecsOf(all).flatMap((pod) => {
      const rules = restrictedViolations(pod);
      return rules.length > 0 ? [{ name: pod.name, rules }] : [];
    });
    expect(broken).toEqual([
      {
        name: "Deployment gpu-ci-buildkitd",
        rules: ["seccompProfile", "appArmorProfile", "capabilities", "allowPrivilegeEscalation"],
      },
    ]);
  });

  it("gives every container a read-only root, requests, limits and an image by digest; none has a GPU", () => {
    const containers = podSpecsOf(all).flatMap(({ name, spec }) =>
      [...(spec.initContainers ?? []), ...spec.containers].map((container) => ({ name, container })),
    );
    expect(containers.length).toBe(7);
    for (const { name, container } of containers) {
      const { securityContext, resources, image } = container;
      expect(image).toMatch(/@sha256:[0-9a-f]{64}$/);
      expect(Object.keys(resources?.limits ?? {})).toEqual(["cpu", "memory"]);
      expect(Object.keys(resources?.requests ?? {})).toEqual(["cpu", "memory"]);
      if (!name.includes("buildkitd")) expect(securityContext?.readOnlyRootFilesystem).toBe(true);
    }
  });

  it("mounts an account's token only where the API is used", () => {
    const withToken = podSpecsOf(all).filter(({ spec }) => spec.automountServiceAccountToken !== false);
    expect(Object.fromEntries(withToken.map(({ name, spec }) => [name, spec.serviceAccountName]))).toEqual({
      "CronJob gpu-ci-registry-prune": "gpu-ci-registry-prune",
      "Deployment gpu-ci-controller": "gpu-ci-controller",
      "Job gpu-ci-uninstall": "gpu-ci-uninstall",
      "Pod gpu-ci-helm-test": "gpu-ci-controller",
    });
  });

  it("hands the forge's token over as a file, only to the controller of mode plain", () => {
    const mounted = (manifests: readonly Manifest[]) =>
      podSpecsOf(manifests).flatMap(({ name, spec }) =>
        (spec.volumes ?? []).flatMap(({ secret }) => (secret ? [[name, secret.secretName]] : [])),
      );
    expect(mounted(all)).toEqual([["Deployment gpu-ci-controller", "gpu-ci-runners-token"]]);
    expect(mounted(arc)).toEqual([]);
    expect(JSON.stringify(all)).not.toContain("secretKeyRef");
  });
});

describe("the rights of the runners' chart", () => {
  const rulesOf = (manifests: readonly Manifest[]) =>
    manifests.flatMap(({ kind, metadata, rules = [] }) =>
      rules.map((rule) => ({ of: `${kind} ${metadata.name}`, ...rule })),
    );

  it("hold no wildcard, no impersonation and no way to more rights; nothing of the cluster is written", () => {
    for (const { of, apiGroups, resources, verbs } of rulesOf(all)) {
      const words = [...apiGroups, ...resources, ...verbs];
      expect(words.filter((word) => /\*|escalate|bind|impersonate|rbac/.test(word))).toEqual([]);
      if (of.startsWith("ClusterRole"))
        expect({ resources, verbs }).toEqual({ resources: ["nodes", "pods"], verbs: ["get", "list", "watch"] });
    }
    expect(all.filter(({ kind }) => kind === "ClusterRole").map(({ metadata }) => metadata.name)).toEqual([
      "gpu-ci-observer",
    ]);
  });

  it("leave the cluster alone when the observer is off", async () => {
    const manifests = await renderChart({ ...leastValues, observer: { enabled: false } });
    expect(names(manifests).filter((name) => name.startsWith("Cluster"))).toEqual([]);
  });

  it("of the runner's account are in the jobs' namespace, where the forge's token is not", () => {
    const bound = all.filter(
      ({ kind, subjects }: Manifest & { subjects?: { name: string }[] }) =>
        kind === "RoleBinding" && subjects?.some(({ name }) => name === "gpu-ci-runner"),
    );
    expect(names(bound)).toEqual(["RoleBinding ci-jobs/gpu-ci-runner", "RoleBinding kube-public/gpu-ci-ci"]);
  });

  it("of the controller in mode arc are the drain switch of one scale set", () => {
    expect(manifestOf(arc, "Role", "gpu-ci-controller").rules).toEqual([
      { apiGroups: [""], resources: ["configmaps"], verbs: ["list", "watch"] },
      { apiGroups: [""], resources: ["events"], verbs: ["create"] },
      {
        apiGroups: ["actions.github.com"],
        resources: ["autoscalingrunnersets"],
        resourceNames: ["gpu"],
        verbs: ["get", "patch"],
      },
      { apiGroups: ["actions.github.com"], resources: ["ephemeralrunners"], verbs: ["delete", "list"] },
    ]);
  });
});

describe("the values for GitHub's runner scale set chart", () => {
  it("make a runner that passes Pod Security restricted, asks for no GPU and works under our account", () => {
    const { template } = parse(readFileSync(join(runnerChart, "arc/values.yaml"), "utf8")) as { template: object };
    const [pod] = podSpecsOf([{ apiVersion: "v1", kind: "Runner", metadata: { name: "arc" }, spec: { template } }]);
    expect(pod && restrictedViolations(pod)).toEqual([]);
    expect(pod?.labels).toEqual({
      "app.kubernetes.io/managed-by": "gpu-ci",
      "app.kubernetes.io/component": "runner",
    });
    expect(pod?.spec.serviceAccountName).toBe("gpu-ci-runner");
    expect(JSON.stringify(pod)).not.toContain("nvidia.com/gpu");
    const used = pod?.spec.volumes?.flatMap(({ configMap }) => (configMap?.name ? [configMap.name] : []));
    expect(used?.map((name) => manifestOf(arc, "ConfigMap", name).metadata.name)).toEqual(["gpu-ci-kubeconfig"]);
  });
});
