import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fixturePath } from "./fixture-path.ts";
import { type ApiHandler, type KubernetesApi, startKubernetesApi } from "./kubernetes-api.ts";
import { createTestHost, type TestHost } from "./test-host.ts";

/** How the addons of a fake microk8s behave. */
export interface MachineOptions {
  /** How often the API has to be asked before the pods of an addon run; Infinity for never. */
  readonly slowness?: number;
  /** GPUs that the node gets once the addon nvidia runs. */
  readonly gpus?: number;
  readonly signal?: AbortSignal;
}

/** A machine on which `snap` and `microk8s` are the misbehaving fakes of test/fixtures/bin, over a fake API server. */
export interface Microk8sMachine extends AsyncDisposable {
  readonly host: TestHost;
  /** Puts a file into the fakes' world. */
  set(name: string, content: string): void;
  /** What the fakes were called with, in order; questions left out. */
  changes(): readonly string[];
  has(name: string): boolean;
}

const addons: Readonly<Record<string, { kind: "deployments" | "daemonsets"; namespace: string; name: string }>> = {
  dns: { kind: "deployments", namespace: "kube-system", name: "coredns" },
  registry: { kind: "deployments", namespace: "container-registry", name: "registry" },
  nvidia: { kind: "daemonsets", namespace: "gpu-operator-resources", name: "nvidia-device-plugin-daemonset" },
  dashboard: { kind: "deployments", namespace: "kube-system", name: "kubernetes-dashboard" },
};

/** Makes such a machine; `programs` names the fakes that it has. */
export async function startMachine(
  options: MachineOptions = {},
  programs: readonly string[] = ["snap", "microk8s", "sudo"],
): Promise<Microk8sMachine> {
  const environment: NodeJS.ProcessEnv = {};
  const host = createTestHost({ env: environment, ...(options.signal && { signal: options.signal }) });
  const folder = host.tempDirectory;
  Object.assign(environment, { PATH: fixturePath(folder, programs), HOME: folder, FAKE_MACHINE: folder });
  const api = await startKubernetesApi(clusterOf(folder, options));
  writeFileSync(join(folder, "calls"), "");
  writeFileSync(join(folder, "client.config"), api.kubeconfig());
  return {
    host,
    set: (name, content) => writeFileSync(join(folder, name), content),
    has: (name) => existsSync(join(folder, name)),
    changes: () => changesOf(readFileSync(join(folder, "calls"), "utf8")),
    [Symbol.asyncDispose]: () => dispose(api, host),
  };
}

async function dispose(api: KubernetesApi, host: TestHost): Promise<void> {
  await api[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
}

function changesOf(calls: string): readonly string[] {
  return calls
    .trim()
    .split("\n")
    .filter((call) => call !== "" && !["snap list", "microk8s config"].some((question) => call.startsWith(question)));
}

function clusterOf(folder: string, options: MachineOptions): ApiHandler {
  const asked = new Map<string, number>();
  const enabled = () => (existsSync(join(folder, "enabled")) ? readdirSync(join(folder, "enabled")).sort() : []);
  const runs = (addon: string) => (asked.get(addon) ?? 0) > (options.slowness ?? 1);
  return ({ path }, reply) => {
    const kind = path.split("/").at(-1);
    const shown = enabled().filter((addon) => addons[addon]?.kind === kind);
    for (const addon of shown) asked.set(addon, (asked.get(addon) ?? 0) + 1);
    const gpus = enabled().includes("nvidia") && runs("nvidia") ? (options.gpus ?? 0) : 0;
    if (path === "/version") return reply.json({ gitVersion: "v1.32.9" });
    if (path === "/api/v1/nodes") return reply.json(list([node(gpus)]));
    if (kind === "pods") return reply.json(list(shownPods(enabled().filter((addon) => !runs(addon)))));
    if (kind === "deployments" || kind === "daemonsets") {
      return reply.json(list(shown.map((addon) => workload(addon, runs(addon)))));
    }
    reply.refuse(404, "NotFound");
  };
}

function list(items: readonly object[]) {
  return { metadata: { resourceVersion: "1" }, items };
}

function node(gpus: number) {
  const resources = gpus > 0 ? { "nvidia.com/gpu": String(gpus) } : {};
  return {
    metadata: {
      name: "box",
      labels: { "nvidia.com/gpu.product": "Fake-GPU", "nvidia.com/cuda.driver-version.full": "580.95.05" },
    },
    status: {
      conditions: [{ type: "Ready", status: "True" }],
      addresses: [{ type: "InternalIP", address: "10.0.0.7" }],
      allocatable: resources,
      capacity: resources,
    },
  };
}

function workload(addon: string, ready: boolean) {
  const { namespace, name } = addons[addon] ?? { namespace: "", name: "" };
  const count = ready ? 1 : 0;
  return {
    metadata: { namespace, name, uid: `uid-${addon}`, generation: 1 },
    spec: { replicas: 1 },
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
    metadata: { namespace: addons[addon]?.namespace, name: `${addons[addon]?.name}-abc` },
    status: {
      containerStatuses: [
        { ready: false, state: { waiting: { reason: "ImagePullBackOff", message: "Back-off pulling image" } } },
      ],
    },
  }));
}
