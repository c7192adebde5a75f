import type { V1PodSpec } from "@kubernetes/client-node";
import { mergePatch } from "../kubernetes/merge-patch.ts";
import type { Job, Plain, Secret } from "../kubernetes/resource.ts";
import { gpuTolerations, podClaims } from "./gpu-request.ts";
import { collectorScript } from "./kubernetes-collector-script.ts";
import {
  collectorOf,
  needsCollector,
  secretEnvKey,
  serviceOf,
  testContainerOf,
  volumesOf,
} from "./kubernetes-container.ts";
import { secretFileData } from "./secret-file.ts";
import type { TestPod } from "./test-pod.ts";
import { wrapperScript } from "./wrapper.ts";

/** Longest time between the end of a test and the moment its files have been read. */
const collectSeconds = 600;
/** A finished Job that nobody removed is removed by the cluster after this. */
const ttlSeconds = 600;

/** The per-run Secret: our two scripts, the secret environment and the secret files. It has the Job's name and is owned by it as soon as there is a Job. */
export function testSecret(pod: TestPod): Secret {
  const secretEnv = Object.entries(pod.secretEnv).map(([name, value]) => [secretEnvKey(name), value]);
  return {
    metadata: { name: pod.name, labels: pod.labels, annotations: pod.annotations },
    type: "Opaque",
    immutable: true,
    data: secretFileData(pod),
    stringData: { run: wrapperScript, collect: collectorScript, ...Object.fromEntries(secretEnv) },
  };
}

/** The Job: one pod for each shard, one try, removed by the cluster in the end even if this process dies. */
export function testJob(pod: TestPod): Job {
  const { queueName, podPatch } = pod.placement;
  const template = { metadata: { labels: pod.labels, annotations: pod.annotations }, spec: podSpec(pod) };
  return {
    metadata: {
      name: pod.name,
      labels: { ...pod.labels, ...(queueName ? { "kueue.x-k8s.io/queue-name": queueName } : {}) },
      annotations: pod.annotations,
    },
    spec: {
      ...(pod.shards > 1 ? { completionMode: "Indexed", backoffLimitPerIndex: 0 } : { backoffLimit: 0 }),
      // A queue's controller takes it from here; without one it would have run before it was admitted.
      ...(queueName ? { suspend: true } : {}),
      completions: pod.shards,
      parallelism: pod.shards,
      // Shards that find no free GPU wait for each other.
      activeDeadlineSeconds: pod.shards * (Math.ceil((pod.pendingTimeoutMs + pod.timeoutMs) / 1000) + collectSeconds),
      ttlSecondsAfterFinished: ttlSeconds,
      template: podPatch ? mergePatch(template, podPatch) : template,
    },
  };
}

function podSpec(pod: TestPod): Plain<V1PodSpec> {
  const { placement } = pod;
  const services = pod.services.map((service) => serviceOf(service, pod));
  const sidecars = [...services, ...(needsCollector(pod) ? [collectorOf(pod)] : [])];
  return {
    restartPolicy: "Never",
    terminationGracePeriodSeconds: 3,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    ...(placement.serviceAccount ? { serviceAccountName: placement.serviceAccount } : {}),
    ...(placement.runtimeClass ? { runtimeClassName: placement.runtimeClass } : {}),
    ...(placement.priorityClass ? { priorityClassName: placement.priorityClass } : {}),
    nodeSelector: placement.nodeSelector,
    tolerations: [...tolerationsOf(pod), ...gpuTolerations(pod)],
    ...podClaims(pod),
    securityContext: podSecurity(pod),
    ...(sidecars.length > 0 ? { initContainers: sidecars } : {}),
    containers: [testContainerOf(pod)],
    volumes: volumesOf(pod, pod.name),
  };
}

function tolerationsOf({ placement }: TestPod): NonNullable<Plain<V1PodSpec>["tolerations"]> {
  return placement.tolerations.map(({ key, value, effect }) => ({
    key,
    ...(value === undefined ? { operator: "Exists" } : { operator: "Equal", value }),
    ...(effect ? { effect } : {}),
  }));
}

function podSecurity({ runAs }: TestPod): NonNullable<Plain<V1PodSpec>["securityContext"]> {
  const seccompProfile = { type: "RuntimeDefault" };
  if (runAs === "image") return { seccompProfile };
  const group = runAs === "nonroot" ? 1000 : runAs.gid;
  return group === undefined ? { seccompProfile } : { seccompProfile, fsGroup: group };
}
