import type { GpuHolder } from "../../lib/kubernetes/gpu-holders.ts";
import type { Node } from "../../lib/kubernetes/resource.ts";
import type { DevicePlugin } from "./device-plugins.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

/** What the cluster says about one kind of GPU. */
export interface GpuStock {
  /** For instance `nvidia.com/gpu`. */
  readonly resource: string;
  readonly nodes: readonly Node[];
  /** Undefined where this account may not look for them. */
  readonly plugins: readonly DevicePlugin[] | undefined;
  readonly holders: readonly GpuHolder[] | undefined;
  /** Pods that no node has taken yet. */
  readonly waiting: number;
}

const subject: Subject = { group: "gpus", topic: "GPUs" };

/** How many GPUs the nodes have, how many of them pods can be given, and why these two differ. */
export function gpuStockFindings(stock: GpuStock): readonly Finding[] {
  const { resource, nodes } = stock;
  const offering = nodes.filter((node) => node.status?.capacity?.[resource] !== undefined);
  if (offering.length === 0) return [notOffered(stock)];
  const sum = offering.reduce((all, node) => all + allocatable(node, resource), 0);
  const troubles = offering.flatMap((node) => troubleOf(node, resource));
  if (sum === 0) return troubles;
  const products = [...new Set(offering.flatMap((node) => node.metadata?.labels?.["nvidia.com/gpu.product"] ?? []))];
  const on = `on ${offering.length} ${offering.length === 1 ? "node" : "nodes"}`;
  const words = [`${sum} allocatable ${resource} ${on}`, ...products, ...heldWords(stock), ...sharedWords(offering)];
  return [ok(subject, words.join("; ")), ...troubles];
}

function notOffered({ resource, plugins, nodes }: GpuStock): Finding {
  const found = `none of ${nodes.length} ${nodes.length === 1 ? "node" : "nodes"} offers ${resource}`;
  const running = plugins?.filter(({ ready }) => ready > 0) ?? [];
  if (running.length > 0) {
    return problem(subject, "limited", {
      code: "plugin-sees-no-gpu",
      found: `${found}, though ${running.map(({ name }) => name).join(", ")} runs`,
      cause:
        "the device plugin sees no GPU: its container was not started by NVIDIA's runtime, or the driver does not work",
      remedy:
        "Make nvidia the default runtime of containerd (or give the plugin runtimeClassName: nvidia), and restart the plugin's pods.",
    });
  }
  const isStarting = (plugins?.length ?? 0) > 0;
  return problem(subject, "limited", {
    code: isStarting ? "plugin-not-running" : "gpu-stack-missing",
    found,
    cause: isStarting ? "the device plugin does not run" : "no device plugin is installed",
    remedy: isStarting
      ? "Put the device plugin right, see above or below; until then GPU cases are skipped."
      : "microk8s enable nvidia, or install NVIDIA's device plugin or GPU operator; until then GPU cases are skipped.",
  });
}

function troubleOf(node: Node, resource: string): readonly Finding[] {
  const name = node.metadata?.name ?? "";
  const capacity = Number(node.status?.capacity?.[resource] ?? 0);
  const left = allocatable(node, resource);
  if (capacity === 0) {
    return [
      problem(subject, "limited", {
        code: "plugin-registration-lost",
        found: `${name} knows ${resource}, but has 0 of it`,
        cause: "the device plugin has lost its registration with the kubelet, or is gone",
        remedy: "Restart the device plugin's pod on that node: kubectl delete pod.",
      }),
    ];
  }
  if (left >= capacity) return [];
  return [
    problem(subject, "limited", {
      code: "gpu-unhealthy",
      found: `${name} has ${capacity} ${resource}, of which ${left} can be given to pods`,
      cause: `${capacity - left} unhealthy: the device plugin saw a critical Xid error, or the node withdrew them`,
      remedy:
        "Look at nvidia-smi and dmesg (Xid) on that node; after a reset of the GPU or a reboot restart the device plugin's pod.",
    }),
  ];
}

function allocatable(node: Node, resource: string): number {
  return Number(node.status?.allocatable?.[resource] ?? 0);
}

function heldWords({ holders, waiting }: GpuStock): readonly string[] {
  if (holders === undefined) return [];
  const held = holders.reduce((sum, { amount }) => sum + amount, 0);
  const queue = waiting === 0 ? [] : [`${waiting} ${waiting === 1 ? "pod waits" : "pods wait"} for one`];
  return [held === 0 ? "none held" : `${held} held`, ...queue];
}

/** https://github.com/NVIDIA/k8s-device-plugin#shared-access-to-gpus */
function sharedWords(nodes: readonly Node[]): readonly string[] {
  const strategies = nodes.flatMap((node) => node.metadata?.labels?.["nvidia.com/gpu.sharing-strategy"] ?? []);
  const shared = [...new Set(strategies)].filter((strategy) => strategy !== "none");
  return shared.map((strategy) => `shared by ${strategy}: a test sees its neighbours' memory and faults`);
}
