import { deadline } from "../../lib/abort.ts";
import type { LocalRegistry } from "../../lib/kubernetes/announced-registry.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { KubernetesError } from "../../lib/kubernetes/kubernetes-error.ts";
import { createObject, deleteObject } from "../../lib/kubernetes/object.ts";
import { type Pod, pods } from "../../lib/kubernetes/resource.ts";
import { watchObjects } from "../../lib/kubernetes/watch.ts";
import { type Finding, problem } from "./finding.ts";
import { firstLines } from "./first-lines.ts";
import { findProbeImage } from "./probe-image.ts";
import { isDecided, judgeProbe, kubeletSubject } from "./probe-judgement.ts";
import { probePod } from "./probe-pod.ts";

export interface ProbeOptions {
  readonly registry: LocalRegistry;
  /** `repository@digest`; default is one that the registry has. */
  readonly image: string | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly now: Date;
  /** How long the pod may take until it has ended, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Whether a kubelet and a pod reach the registry, found out by a pod of ours that lives for seconds. Only when asked: it creates something. */
export async function probeFindings(cluster: Cluster, options: ProbeOptions): Promise<readonly Finding[]> {
  const { registry, env, signal } = options;
  try {
    const image = options.image ?? (await findProbeImage(registry, env, signal));
    if (image !== undefined) return await runProbe(cluster, image, options);
    return [
      problem(kubeletSubject, "absent", {
        code: "probe-without-image",
        found: `${registry.push} has no image to try with`,
        remedy: "Push one (gpu-ci run does), or name one by --probe-image.",
      }),
    ];
  } catch (error) {
    signal.throwIfAborted();
    const [found, hint] = firstLines(error);
    return [
      problem(kubeletSubject, "limited", {
        code: error instanceof KubernetesError ? "probe-refused" : "probe-failed",
        found,
        cause: "kubelet and pods could not be tried",
        remedy: hint ?? "Name another namespace by --namespace, or an image by --probe-image.",
      }),
    ];
  }
}

async function runProbe(cluster: Cluster, image: string, options: ProbeOptions): Promise<readonly Finding[]> {
  const { registry, now, timeoutMs, signal } = options;
  const pod = probePod({ image, inCluster: registry.inCluster, now });
  const name = pod.metadata?.name ?? "";
  using limit = deadline("The probe pod", timeoutMs, signal);
  try {
    await createObject(cluster, pods, pod, { deterministicName: true, signal: limit.signal });
    const last = await followProbe(cluster, name, limit.signal);
    signal.throwIfAborted();
    return judgeProbe(last ?? pod, { image, inCluster: registry.inCluster });
  } finally {
    // Also after Ctrl-C, and when nobody knows whether it was made; else it expires, and --fix finds it.
    await deleteObject(cluster, pods, name, { gracePeriodSeconds: 0, timeoutMs: 10_000 }).catch(() => false);
  }
}

/** The pod when all is known that it can tell, or as it was last seen when the time was over. */
async function followProbe(cluster: Cluster, name: string, signal: AbortSignal): Promise<Pod | undefined> {
  let last: Pod | undefined;
  try {
    for await (const { object } of watchObjects(cluster, pods, { fieldSelector: `metadata.name=${name}`, signal })) {
      last = object;
      if (isDecided(object)) break;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return last;
}
