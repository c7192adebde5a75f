import type { Cluster } from "../../lib/kubernetes/client.ts";
import { findKubeconfig } from "../../lib/kubernetes/client.ts";
import { buildFindings } from "./build-findings.ts";
import { type ClusterPlace, clusterFindings } from "./cluster-findings.ts";
import { clusterGpuFindings } from "./cluster-gpu-findings.ts";
import { containerLeftoverFindings } from "./container-leftover-findings.ts";
import { engineFindings } from "./engine-findings.ts";
import { type Examination, look } from "./examination.ts";
import type { Finding } from "./finding.ts";
import { hostFindings } from "./host-findings.ts";
import { leftoverFindings } from "./leftover-findings.ts";
import { machineGpuFindings } from "./machine-gpu-findings.ts";
import { probeFindings } from "./probe-findings.ts";
import { registryDiskFindings } from "./registry-disk-findings.ts";
import { nameRegistry, registryFindings } from "./registry-findings.ts";
import { rightsFindings } from "./rights-findings.ts";
import { runnerFindings } from "./runner-findings.ts";

/** Where to look, as the options of `gpu-ci doctor` say. */
export interface ExamineOptions {
  readonly place: ClusterPlace;
  readonly registry: string | undefined;
  readonly gpuResource: string;
  /** Whether leftovers are looked for in all namespaces. */
  readonly allNamespaces: boolean;
  /** Try the registry by a pod; undefined creates nothing. */
  readonly probe: ProbeRequest | undefined;
}

/** What a probe of the registry is asked for with. */
export interface ProbeRequest {
  readonly image: string | undefined;
  readonly signal: AbortSignal;
}

const probeMs = 90_000;

/** Looks at everything at once; nothing is changed but by a probe, which removes what it made. No look takes longer than its deadline, and none that fails ends the others. */
export async function examine(examination: Examination, options: ExamineOptions): Promise<readonly Finding[]> {
  const isConfigured = findKubeconfig(options.place) !== undefined;
  const [machine, { findings, cluster }] = await Promise.all([
    Promise.all([
      hostFindings(examination),
      buildFindings(examination),
      engineFindings(examination, isConfigured),
      machineGpuFindings(examination, isConfigured),
      containerLeftoverFindings(examination),
    ]),
    clusterFindings(options.place, examination.lookMs),
  ]);
  const registry = look(examination, { group: "registry", topic: "registry" }, (signal) =>
    registryFindings(cluster, options.registry, examination, signal),
  );
  const inside = cluster === undefined ? [] : await examineCluster(cluster, examination, options);
  const probed = cluster === undefined ? [] : await probe(cluster, examination, options);
  return [...machine.flat(), ...findings, ...(await registry), ...inside, ...probed];
}

async function probe(cluster: Cluster, { env, now }: Examination, options: ExamineOptions) {
  if (options.probe === undefined) return [];
  const { image, signal } = options.probe;
  const registry = await nameRegistry(cluster, options.registry, signal);
  return await probeFindings(cluster, { registry, image, env, now: now(), timeoutMs: probeMs, signal });
}

async function examineCluster(cluster: Cluster, examination: Examination, options: ExamineOptions) {
  const now = examination.now();
  const { gpuResource: resource, allNamespaces } = options;
  const { root } = examination;
  const looks = await Promise.all([
    look(examination, { group: "cluster", topic: "rights" }, (signal) => rightsFindings(cluster, signal)),
    look(examination, { group: "gpus", topic: "GPUs" }, (signal) =>
      clusterGpuFindings(cluster, { resource, now, signal }),
    ),
    look(examination, { group: "registry", topic: "registry disk" }, (signal) =>
      registryDiskFindings(cluster, { root, signal }),
    ),
    look(examination, { group: "runners", topic: "runners" }, (signal) => runnerFindings(cluster, { now, signal })),
    look(examination, { group: "leftovers", topic: "in the cluster" }, (signal) =>
      leftoverFindings(cluster, { allNamespaces, now, signal }),
    ),
  ]);
  return looks.flat();
}
