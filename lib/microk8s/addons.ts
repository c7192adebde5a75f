/** A Deployment or DaemonSet by its place. */
export interface WorkloadName {
  readonly kind: "Deployment" | "DaemonSet";
  readonly namespace: string;
  readonly name: string;
}

const renamed: Readonly<Record<string, string>> = { storage: "hostpath-storage", gpu: "nvidia" };

const workloads: Readonly<Record<string, readonly WorkloadName[]>> = {
  dns: [{ kind: "Deployment", namespace: "kube-system", name: "coredns" }],
  "hostpath-storage": [{ kind: "Deployment", namespace: "kube-system", name: "hostpath-provisioner" }],
  registry: [{ kind: "Deployment", namespace: "container-registry", name: "registry" }],
  nvidia: [{ kind: "DaemonSet", namespace: "gpu-operator-resources", name: "nvidia-device-plugin-daemonset" }],
};

/** The addon's name today: `storage` and `gpu` were renamed. Arguments after a colon are kept. */
export function normaliseAddon(addon: string): string {
  const [name = "", ...rest] = addon.split(":");
  return [renamed[name] ?? name, ...rest].join(":");
}

/** What has to run before an addon of microk8s can be used; empty for one that we do not know: then what its enabling adds counts. */
export function workloadsOfAddon(addon: string): readonly WorkloadName[] {
  return workloads[addon.split(":")[0] ?? ""] ?? [];
}
