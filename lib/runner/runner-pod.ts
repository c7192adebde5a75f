import { createHash } from "node:crypto";
import type { V1NodeAffinity, V1PodSpec } from "@kubernetes/client-node";
import { mergePatch } from "../kubernetes/merge-patch.ts";
import type { ConfigMap, Plain, Pod, Secret } from "../kubernetes/resource.ts";
import type { DrainSwitch } from "./drain-switch.ts";
import type { RunnerConfig, RunnerTemplate } from "./runner-config.ts";
import type { RunnerRegistration } from "./runner-forge.ts";

/** What a runner does: it has not been seen at the forge yet, waits for a job, or runs one. */
export type RunnerActivity = "starting" | "idle" | "busy";

export const activityLabel = "gpu-ci/runner-state";
export const templateAnnotation = "gpu-ci/template";
export const releaseLabel = "gpu-ci/runner";
/** Where the runner finds the one-time configuration that it was registered with. */
const configurationFolder = "/etc/gpu-ci-runner";
/** Where it finds the cluster and namespace that its Jobs go to. */
const kubeconfigFolder = "/etc/gpu-ci/kubeconfig";

/** Selects the runner pods of all releases. */
export const allRunnersSelector = "app.kubernetes.io/managed-by=gpu-ci,app.kubernetes.io/component=runner";

/** Selects the runner pods of a release. */
export function runnerSelector(release: string): string {
  return `${allRunnersSelector},${releaseLabel}=${release}`;
}

/**
 * The Secret of one runner: what lets this one runner take one job. It has the pod's name, is owned by it and goes with it; the pod is
 * made first, so that no Secret can be left without one.
 */
export function runnerSecret(config: RunnerConfig, registration: RunnerRegistration, pod: Pod): Secret {
  const { name = "", uid = "" } = pod.metadata ?? {};
  return {
    metadata: { name, labels: labelsOf(config), ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid }] },
    type: "Opaque",
    immutable: true,
    stringData: { [registration.file]: registration.content },
  };
}

/** What the pod of a runner is made of. */
export interface RunnerPodOptions {
  readonly config: RunnerConfig;
  readonly template: RunnerTemplate;
  readonly name: string;
  readonly drain: DrainSwitch;
  /** The chart's own ConfigMap: what the chart made takes the runners with it. */
  readonly owner: ConfigMap | undefined;
}

/** The pod of one runner. It takes one job and ends; it holds no GPU, which belongs to the Jobs that it starts. */
export function runnerPod({ config, template, name, drain, owner }: RunnerPodOptions): Pod {
  const { name: ownerName = "", uid = "" } = owner?.metadata ?? {};
  const ownerReferences = [{ apiVersion: "v1", kind: "ConfigMap", name: ownerName, uid }];
  return {
    metadata: {
      name,
      labels: { ...labelsOf(config), [activityLabel]: "starting" },
      annotations: { [templateAnnotation]: templateHash(config) },
      ...(owner === undefined ? {} : { ownerReferences }),
    },
    spec: mergePatch(podSpec(template, name, drain), template.podPatch),
  };
}

/** Changes whenever a new runner would be made differently: idle runners of older settings are replaced. */
export function templateHash({ forge, labels, runner }: RunnerConfig): string {
  return createHash("sha256").update(JSON.stringify({ forge, labels, runner })).digest("hex").slice(0, 16);
}

function labelsOf({ release }: RunnerConfig): Record<string, string> {
  return {
    "app.kubernetes.io/managed-by": "gpu-ci",
    "app.kubernetes.io/component": "runner",
    [releaseLabel]: release,
  };
}

function podSpec(template: RunnerTemplate, name: string, drain: DrainSwitch): Plain<V1PodSpec> {
  const nodeAffinity = affinityOf(drain);
  const { serviceAccount, runtimeClass, imagePullSecrets, tolerations, kubeconfig } = template;
  return {
    restartPolicy: "Never",
    // A cancelled job needs a moment to tell the forge that it has ended.
    terminationGracePeriodSeconds: 30,
    activeDeadlineSeconds: Math.ceil(template.activeDeadline / 1000),
    enableServiceLinks: false,
    // Its own account starts the test Jobs; without one a runner has no rights at all.
    automountServiceAccountToken: serviceAccount !== "",
    ...(serviceAccount === "" ? {} : { serviceAccountName: serviceAccount }),
    ...(runtimeClass === "" ? {} : { runtimeClassName: runtimeClass }),
    ...(imagePullSecrets.length === 0 ? {} : { imagePullSecrets }),
    ...(nodeAffinity === undefined ? {} : { affinity: { nodeAffinity } }),
    nodeSelector: template.nodeSelector,
    tolerations,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 1000,
      fsGroup: 1000,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [containerOf(template, name)],
    volumes: [
      { name: "work", emptyDir: { sizeLimit: template.workSize } },
      { name: "tmp", emptyDir: { sizeLimit: template.workSize } },
      { name: "runner", secret: { secretName: name, defaultMode: 0o440 } },
      ...(kubeconfig === "" ? [] : [{ name: "kubeconfig", configMap: { name: kubeconfig } }]),
    ],
  };
}

function containerOf(template: RunnerTemplate, name: string): Plain<V1PodSpec>["containers"][number] {
  const { image, kubeconfig } = template;
  const { requests, limits } = template.resources;
  const environment = {
    HOME: "/tmp",
    // Jobs that it starts bear its name, so that they go with it.
    GPU_CI_RUNNER_POD: name,
    ...(kubeconfig === "" ? {} : { KUBECONFIG: `${kubeconfigFolder}/config` }),
    ...template.env,
  };
  return {
    name: "runner",
    image,
    env: Object.entries(environment).map(([name, value]) => ({ name, value })),
    resources: { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
    volumeMounts: [
      { name: "work", mountPath: "/work" },
      { name: "tmp", mountPath: "/tmp" },
      { name: "runner", mountPath: configurationFolder, readOnly: true },
      ...(kubeconfig === "" ? [] : [{ name: "kubeconfig", mountPath: kubeconfigFolder, readOnly: true }]),
    ],
  };
}

/** Keeps new runners away from drained nodes, or on the nodes that run while the rest is drained. Such a field takes one name each. */
function affinityOf({ global, nodes }: DrainSwitch): V1NodeAffinity | undefined {
  const names = (isWanted: (state: string) => boolean) =>
    [...nodes].filter(([, { state }]) => isWanted(state)).map(([node]) => node);
  const field = (operator: string) => (node: string) => ({ key: "metadata.name", operator, values: [node] });
  if (global.state === "Running") {
    const drained = names((state) => state !== "Running").map(field("NotIn"));
    return drained.length === 0 ? undefined : required([{ matchFields: drained }]);
  }
  return required(names((state) => state === "Running").map((node) => ({ matchFields: [field("In")(node)] })));
}

function required(nodeSelectorTerms: { matchFields: { key: string; operator: string; values: string[] }[] }[]) {
  return { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
}
