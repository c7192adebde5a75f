import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiCall, ApiHandler } from "./kubernetes-api.ts";

/** How the cluster of a fake microk8s behaves. */
export interface ClusterOptions {
  /** How often the API has to be asked before the pods of an addon run; Infinity for never. */
  readonly slowness?: number;
  /** GPUs that the node gets once the addon nvidia runs. */
  readonly gpus?: number;
  /** GPUs of them that are unhealthy. */
  readonly unhealthyGpus?: number;
  /** GPUs that pods of others hold. */
  readonly heldGpus?: number;
  /** The kubelet counts 0 GPUs, as after a lost registration of the device plugin. */
  readonly lostGpus?: boolean;
  /** Whether the node is ready; default true. */
  readonly nodeReady?: boolean;
  /** What becomes of a pod that asks for a GPU; default is that it runs. */
  readonly gpuPod?: "runs" | "needs-class" | "no-runtime" | "driver-fails" | "no-node";
  /** Whether the registry's volume is bound; default true. */
  readonly bound?: boolean;
  /** How many requests for workloads find the API server away, once an addon was enabled. */
  readonly away?: number;
}

interface Known {
  readonly enabled: readonly string[];
  readonly runs: (addon: string) => boolean;
  readonly options: ClusterOptions;
  /** The Jobs that were created. */
  readonly jobs: { readonly metadata: { readonly name: string }; readonly spec: JobSpec }[];
}

interface JobSpec {
  readonly template: { readonly spec: { readonly runtimeClassName?: string } };
}

const addons: Readonly<Record<string, { kind: "deployments" | "daemonsets"; namespace: string; name: string }>> = {
  dns: { kind: "deployments", namespace: "kube-system", name: "coredns" },
  registry: { kind: "deployments", namespace: "container-registry", name: "registry" },
  nvidia: { kind: "daemonsets", namespace: "gpu-operator-resources", name: "nvidia-device-plugin-daemonset" },
  dashboard: { kind: "deployments", namespace: "kube-system", name: "kubernetes-dashboard" },
};

/** The API server of a fake microk8s whose addons are the files of `folder`/enabled; it is its registry as well. */
export function microk8sApi(folder: string, options: ClusterOptions): ApiHandler {
  const asked = new Map<string, number>();
  const jobs: Known["jobs"] = [];
  let away = options.away ?? 0;
  return (call, reply) => {
    const enabled = existsSync(join(folder, "enabled")) ? readdirSync(join(folder, "enabled")).sort() : [];
    const kind = call.path.split("/").at(-1);
    if (kind === "deployments" && enabled.length > 0 && away-- > 0) return reply.cut();
    for (const addon of enabled.filter((name) => addons[name]?.kind === kind))
      asked.set(addon, (asked.get(addon) ?? 0) + 1);
    const runs = (addon: string) => (asked.get(addon) ?? 0) > (options.slowness ?? 1);
    const known = { enabled, runs, options, jobs };
    if (call.path.includes("local-registry-hosting") && enabled.includes("registry")) {
      const host = /http:\/\/127\.0\.0\.1(:\d+)/.exec(readFileSync(join(folder, "client.config"), "utf8"))?.[1];
      return reply.json({ data: { "localRegistryHosting.v1": `host: "localhost${host}"` } });
    }
    if (call.method === "POST") jobs.push(JSON.parse(call.body) as Known["jobs"][number]);
    if (kind === "log") {
      reply.write("2026-01-01T00:00:00.000000001Z Fake-GPU, GPU-0123, 580.95.05\n");
      return reply.end();
    }
    const body = answerOf(call, known);
    if (body) reply.json(body);
    else reply.refuse(404, "NotFound");
  };
}

function answerOf({ path, query }: ApiCall, known: Known): object | undefined {
  const { enabled, runs, options } = known;
  const kind = path.split("/").at(-1);
  const shown = enabled.filter((addon) => addons[addon]?.kind === kind);
  const job = /^job-name=(.*)$/.exec(query.get("labelSelector") ?? "")?.[1];
  if (path === "/version") return { gitVersion: "v1.32.9" };
  if (path === "/v2/" || path.includes("/jobs")) return {};
  if (path === "/api/v1/nodes") return list([node(known)]);
  if (kind === "events") return list(eventsOf(query.get("fieldSelector") ?? ""));
  if (kind === "pods" && job !== undefined) return list([gpuPod(job, known)]);
  if (kind === "pods")
    return list([queuedPod, ...shownPods(enabled.filter((addon) => !runs(addon))), ...holders(options)]);
  if (kind === "nvidia" && options.gpuPod === "needs-class") return { metadata: { name: "nvidia" } };
  if (kind === "registry-claim" && enabled.includes("registry")) return claim(options);
  if (kind === "deployments" || kind === "daemonsets") return list(shown.map((addon) => workload(addon, runs(addon))));
  return kind === addons.nvidia?.name ? workload("nvidia", runs("nvidia")) : undefined;
}

function list(items: readonly object[]) {
  return { metadata: { resourceVersion: "1" }, items };
}

function node({ enabled, runs, options }: Known) {
  const gpus = enabled.includes("nvidia") && runs("nvidia") ? (options.gpus ?? 0) : 0;
  const isKnown = gpus > 0 || options.lostGpus === true;
  const resources = (count: number) => (isKnown ? { "nvidia.com/gpu": String(options.lostGpus ? 0 : count) } : {});
  return {
    metadata: { name: "box", labels: { "nvidia.com/gpu.product": "Fake-GPU" } },
    status: {
      conditions: [{ type: "Ready", status: options.nodeReady === false ? "Unknown" : "True", reason: "NodeStatus" }],
      addresses: [{ type: "InternalIP", address: "10.0.0.7" }],
      allocatable: resources(gpus - (options.unhealthyGpus ?? 0)),
      capacity: resources(gpus),
    },
  };
}

function workload(addon: string, ready: boolean) {
  const { namespace, name } = addons[addon] ?? { namespace: "", name: "" };
  const count = ready ? 1 : 0;
  return {
    metadata: { namespace, name, uid: `uid-${addon}`, generation: 1 },
    spec: {
      replicas: 1,
      template: {
        spec: { containers: [{ name: "nvidia-device-plugin-ctr", image: "nvcr.io/nvidia/k8s-device-plugin:v1" }] },
      },
    },
    status: {
      observedGeneration: 1,
      updatedReplicas: 1,
      availableReplicas: count,
      desiredNumberScheduled: 1,
      updatedNumberScheduled: 1,
      numberAvailable: count,
    },
  };
}

function shownPods(waiting: readonly string[]) {
  return waiting.map((addon) => ({
    metadata: {
      namespace: addons[addon]?.namespace,
      name: `${addons[addon]?.name}-abc`,
      ownerReferences: [{ uid: `uid-${addon}` }],
    },
    status: {
      containerStatuses: [
        { ready: false, state: { waiting: { reason: "ImagePullBackOff", message: "Back-off pulling image" } } },
      ],
    },
  }));
}

/** Somebody else's, which waits for reasons of its own. */
const queuedPod = {
  metadata: { namespace: "another", name: "queued" },
  status: {
    phase: "Pending",
    conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message: "0/1 nodes" }],
  },
};

function holders({ heldGpus = 0 }: ClusterOptions) {
  if (heldGpus === 0) return [];
  const resources = { limits: { "nvidia.com/gpu": String(heldGpus) } };
  const metadata = { namespace: "others", name: "training" };
  return [
    {
      metadata,
      spec: { nodeName: "box", containers: [{ name: "main", resources }] },
      status: { phase: "Running", startTime: "2026-01-01T00:00:00Z" },
    },
  ];
}

function gpuPod(job: string, { options, jobs }: Known) {
  const created = jobs.find(({ metadata }) => metadata.name === job);
  const behaviour = options.gpuPod ?? "runs";
  const hasClass = created?.spec.template.spec.runtimeClassName === "nvidia";
  const isRunning = behaviour === "runs" || (behaviour === "needs-class" && hasClass);
  return {
    metadata: { name: `${job}-x`, namespace: "team" },
    status: isRunning ? { phase: "Succeeded" } : gpuTrouble(behaviour),
  };
}

function gpuTrouble(behaviour: string) {
  const ended = (reason: string, exitCode: number, message: string) => ({
    phase: "Failed",
    containerStatuses: [{ name: "gpu", ready: false, state: { terminated: { reason, exitCode, message } } }],
  });
  if (behaviour === "driver-fails")
    return ended("Error", 18, "Failed to initialize NVML: Driver/library version mismatch");
  if (behaviour === "no-node") {
    const message = "0/1 nodes are available: 1 node(s) had untolerated taint {team: other}.";
    return {
      phase: "Pending",
      conditions: [{ type: "PodScheduled", status: "False", reason: "Unschedulable", message }],
    };
  }
  return ended("StartError", 128, 'exec: "nvidia-smi": executable file not found in $PATH');
}

function claim({ bound = true }: ClusterOptions) {
  return { spec: { resources: { requests: { storage: "20Gi" } } }, status: { phase: bound ? "Bound" : "Pending" } };
}

function eventsOf(fieldSelector: string) {
  if (!fieldSelector.includes("PersistentVolumeClaim")) return [];
  const message = "no persistent volumes available for this claim and no storage class is set";
  return [{ type: "Normal", reason: "FailedBinding", message, metadata: {} }];
}
