import { formatDuration } from "../duration.ts";
import { gpuHolders } from "../kubernetes/gpu-holders.ts";
import { podRequest } from "../kubernetes/pod-request.ts";
import { describePodTrouble } from "../kubernetes/pod-trouble.ts";
import { parseQuantity } from "../kubernetes/quantity.ts";
import type { Node, Pod } from "../kubernetes/resource.ts";
import { type Obstacle, obstaclesOf } from "./node-obstacles.ts";

/** What is known of the cluster when a pod has no node. */
export interface PlacementView {
  readonly nodes: readonly Node[];
  /** All pods that may be seen. */
  readonly pods: readonly Pod[];
  readonly gpuResource: string;
  readonly now: Date;
}

/** Why a pod has no node. */
export interface PlacementAnswer {
  /** No node will ever do as the cluster stands; else it is a matter of waiting. */
  readonly isImpossible: boolean;
  /** Sentences, the one that weighs most first. */
  readonly lines: readonly string[];
}

const shownNodes = 4;
const shownHolders = 5;

/** Explains why no node takes a pod, from nodes and pods; the scheduler says only how many nodes it refused for what. */
export function explainPlacement(pod: Pod, view: PlacementView): PlacementAnswer {
  const { nodes, pods, gpuResource } = view;
  const judged = nodes.map((node) => ({ node, obstacles: obstaclesOf(node, pod, pods) }));
  const open = judged.filter(({ obstacles }) => !obstacles.some(({ isPermanent }) => isPermanent));
  if (nodes.length > 0 && open.length === 0) return neverAnswer(pod, view, judged);
  const busy = open.filter(({ obstacles }) => obstacles.length > 0);
  const words = busy.slice(0, shownNodes).map(({ node, obstacles }) => nodeWords(node, obstacles));
  const more = busy.length > shownNodes ? [`${busy.length - shownNodes} more nodes are no better.`] : [];
  const isGpuShort = busy.some(({ obstacles }) => obstacles.some((obstacle) => obstacle.words.includes(gpuResource)));
  const asksGpu = podRequest(pod, gpuResource) > 0;
  const other = asksGpu && busy.length > 0 && !isGpuShort ? [`${gpuResource} is free: it is not what is missing.`] : [];
  const lost = open.filter(({ node }) => isLost(node, gpuResource)).map(({ node }) => lostWords(node, gpuResource));
  return {
    isImpossible: false,
    lines: [...words, ...more, ...other, ...(asksGpu ? lost : []), ...(isGpuShort ? holderLines(view) : [])],
  };
}

interface Judged {
  readonly node: Node;
  readonly obstacles: readonly Obstacle[];
}

function neverAnswer(pod: Pod, view: PlacementView, judged: readonly Judged[]): PlacementAnswer {
  const { nodes, gpuResource } = view;
  const gpus = podRequest(pod, gpuResource);
  const capacities = nodes.map((node) => node.status?.capacity?.[gpuResource]).filter((amount) => amount !== undefined);
  if (gpus > 0 && capacities.length === 0) return notOffered(view);
  const largest = Math.max(0, ...capacities.map(parseQuantity));
  if (gpus > 0 && largest === 0)
    return { isImpossible: false, lines: nodes.map((node) => lostWords(node, gpuResource)) };
  if (gpus > largest)
    return never(`${gpus} ${gpuResource} asked for, but the largest node has ${largest}.${sharedWords(nodes)}`);
  const wanted = Object.entries(pod.spec?.nodeSelector ?? {}).map(([key, value]) => `${key}=${value}`);
  if (judged.every(({ obstacles }) => obstacles.some(({ about }) => about === "selector")))
    return never(`None of the ${nodes.length} nodes has the labels of node-selector: ${wanted.join(", ")}.`);
  const words = judged.slice(0, shownNodes).map(({ node, obstacles }) => {
    return nodeWords(
      node,
      obstacles.filter(({ isPermanent }) => isPermanent),
    );
  });
  const more = judged.length > shownNodes ? ` Neither do ${judged.length - shownNodes} more.` : "";
  return never(`No node can ever take it. ${words.join(" ")}${more}`);
}

function never(words: string): PlacementAnswer {
  return { isImpossible: true, lines: [words] };
}

/** No node knows the resource: the state of the device plugin's pods says why, and whether it may still come. */
function notOffered({ pods, gpuResource }: PlacementView): PlacementAnswer {
  const plugins = pods.filter(({ metadata }) => /device-plugin/.test(metadata?.name ?? ""));
  if (plugins.length === 0)
    return never(
      `No node offers ${gpuResource}: the device plugin (or GPU operator) is not installed, or finds no driver. setup-microk8s with gpu: required installs it.`,
    );
  const troubles = plugins.flatMap((plugin) => describePodTrouble(plugin) ?? []);
  if (troubles.length > 0)
    return { isImpossible: false, lines: [`No node offers ${gpuResource} yet: ${troubles.join("; ")}`] };
  const names = plugins.map(({ metadata }) => `${metadata?.namespace}/${metadata?.name}`).join(", ");
  return never(
    `No node offers ${gpuResource}, though ${names} runs: it sees no GPU of this kind. Check the driver, and that the pod has the RuntimeClass nvidia.`,
  );
}

function isLost(node: Node, resource: string): boolean {
  const { capacity, allocatable } = node.status ?? {};
  return (
    capacity?.[resource] !== undefined &&
    parseQuantity(capacity[resource]) + parseQuantity(allocatable?.[resource]) === 0
  );
}

function lostWords({ metadata }: Node, resource: string): string {
  return `Node ${metadata?.name} registered ${resource} once and offers 0 now: the device plugin has lost its registration or does not run; restart its pod.`;
}

/** Replicas of a shared GPU look like GPUs. */
function sharedWords(nodes: readonly Node[]): string {
  const strategies = nodes.map(({ metadata }) => metadata?.labels?.["nvidia.com/gpu.sharing-strategy"] ?? "none");
  const shared = strategies.find((strategy) => strategy !== "none");
  return shared === undefined ? "" : ` They are shared by ${shared}: more of them are no more of a GPU.`;
}

function nodeWords({ metadata }: Node, obstacles: readonly Obstacle[]): string {
  return `Node ${metadata?.name} ${obstacles.map(({ words }) => words).join(", and ")}.`;
}

/** Who holds the GPUs: the oldest first, with owner and age. */
function holderLines({ pods, gpuResource, now }: PlacementView): string[] {
  const holders = gpuHolders(pods, gpuResource, now);
  if (holders.length === 0) return [];
  const shown = holders.slice(0, shownHolders).map(({ namespace, pod, owner, amount, ageMs, isRunner }) => {
    const who = isRunner ? "a runner" : owner;
    return `${namespace}/${pod} (${who ? `${who}, ` : ""}${amount}, for ${formatDuration(ageMs)})`;
  });
  const more = holders.length > shownHolders ? ` and ${holders.length - shownHolders} more` : "";
  return [`${gpuResource} is held by ${shown.join(", ")}${more}.`];
}
