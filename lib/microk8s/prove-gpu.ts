import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import type { Cluster } from "../kubernetes/client.ts";
import { isStatus } from "../kubernetes/kubernetes-error.ts";
import { getObject, listObjects } from "../kubernetes/object.ts";
import { type ApiObject, type Pod, pods, type Resource } from "../kubernetes/resource.ts";
import { gpuResource } from "./cluster-facts.ts";
import { findDevicePlugins } from "./device-plugin.ts";
import { tryGpu } from "./gpu-attempt.ts";

/** What a pod saw of the GPU that it was given. */
export interface GpuProof {
  readonly product: string;
  readonly uuid: string;
  readonly driverVersion: string;
}

export interface ProofOptions {
  /** GPUs that nodes can give. */
  readonly gpuCount: number;
  /** Makes an image for the pod where the nodes have none; undefined without a registry. */
  readonly makeImage: (() => Promise<string>) | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const runtimeClasses: Resource<ApiObject> = {
  group: "node.k8s.io",
  version: "v1",
  plural: "runtimeclasses",
  kind: "RuntimeClass",
  namespaced: false,
};
const longestMs = 120_000;

/**
 * Runs a pod that lists its GPU: allocatable is only what a device plugin says. Undefined where all GPUs are in use, which proves them as well. Throws what the
 * first attempt observed, as `tryGpu` names it, or DomainError `gpu-unproven` without an image.
 */
export async function proveGpu(cluster: Cluster, options: ProofOptions): Promise<GpuProof | undefined> {
  const { signal } = options;
  const holders = await findHolders(cluster, signal);
  if (holders.reduce((sum, { amount }) => sum + amount, 0) >= options.gpuCount) {
    const names = holders.slice(0, 5).map(({ name, amount, since }) => `${name} (${amount}, since ${since})`);
    cluster.log.info(`All GPUs are in use, so none was tried: ${names.join(", ")}.`);
    return undefined;
  }
  const timeoutMs = Math.min(options.timeoutMs, longestMs);
  cluster.log.info(`Trying a GPU: a pod runs nvidia-smi, at most ${formatDuration(timeoutMs)}.`);
  const [line = ""] = await firstThatRuns(cluster, { ...options, timeoutMs });
  const [product = "", uuid = "", driverVersion = ""] = line.split(",").map((part) => part.trim());
  if (uuid === "") {
    throw new DomainError(
      "gpu-driver-failing",
      `A pod was given a GPU, but nvidia-smi lists none in it: ${line || "no line"}.`,
      {
        hint: "Check the device plugin's and the container toolkit's configuration: the pod must see /dev/nvidia0.",
      },
    );
  }
  cluster.log.info(`A pod was given ${product} (${uuid}), driver ${driverVersion}.`);
  return { product, uuid, driverVersion };
}

/** Tries the device plugin's own image, which the node has, then one of ours; each with the default runtime, then with runtime class nvidia. */
async function firstThatRuns(cluster: Cluster, options: ProofOptions): Promise<readonly string[]> {
  const { signal, timeoutMs, makeImage } = options;
  const plugins = await findDevicePlugins(cluster, signal);
  const onNode = plugins.flatMap(({ image }) => image ?? []).slice(0, 1);
  const candidates = [...onNode.map((image) => async () => image), ...(makeImage ? [makeImage] : [])];
  const hasClass = await hasNvidiaClass(cluster, signal);
  let first: DomainError | undefined;
  for (const candidate of candidates) {
    const image = await candidate();
    for (const runtimeClass of hasClass ? [undefined, "nvidia"] : [undefined]) {
      try {
        const lines = await tryGpu(cluster, { image, runtimeClass, timeoutMs, signal });
        if (runtimeClass)
          cluster.log.warning(
            "Pods see a GPU only with runtime class nvidia: set runtime-class to nvidia in run-k8s-gpu-test.",
          );
        return lines;
      } catch (error) {
        if (!(error instanceof DomainError && mayBeTheImage.has(error.code))) throw error;
        cluster.log.debug(error.message);
        first ??= error;
      }
    }
  }
  throw first ?? noImage();
}

// These speak of the image or the runtime as much as of the GPU: another one may do.
const mayBeTheImage: ReadonlySet<string> = new Set(["gpu-image-missing", "gpu-runtime-missing"]);

interface Holder {
  readonly name: string;
  readonly amount: number;
  readonly since: string;
}

async function findHolders(cluster: Cluster, signal: AbortSignal): Promise<readonly Holder[]> {
  try {
    const { items } = await listObjects(cluster, pods, { allNamespaces: true, signal, timeoutMs: 30_000 });
    return items.map(holderOf).filter(({ amount }) => amount > 0);
  } catch (error) {
    // Then the scheduler's word is all there is.
    if (isStatus(error, 403)) return [];
    throw error;
  }
}

function holderOf({ metadata, spec, status }: Pod): Holder {
  const isHeld = spec?.nodeName !== undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed";
  const amounts = (spec?.containers ?? []).map(({ resources }) => Number(resources?.limits?.[gpuResource] ?? 0));
  const amount = isHeld ? amounts.reduce((sum, one) => sum + one, 0) : 0;
  return { name: `${metadata?.namespace}/${metadata?.name}`, amount, since: String(status?.startTime ?? "now") };
}

async function hasNvidiaClass(cluster: Cluster, signal: AbortSignal): Promise<boolean> {
  try {
    return (await getObject(cluster, runtimeClasses, "nvidia", { signal, timeoutMs: 10_000 })) !== undefined;
  } catch (error) {
    if (isStatus(error, 403)) return false;
    throw error;
  }
}

function noImage(): DomainError {
  return new DomainError(
    "gpu-unproven",
    "No pod could try a GPU: no device plugin's image is known, and there is no registry to put one into.",
    {
      hint: "Enable a registry (microk8s enable registry), or set gpu to auto.",
    },
  );
}
