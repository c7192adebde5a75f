import { statfs } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import type { V1PersistentVolume, V1PersistentVolumeClaim } from "@kubernetes/client-node";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { getObject, listObjects } from "../../lib/kubernetes/object.ts";
import { type Plain, type Pod, pods, type Resource } from "../../lib/kubernetes/resource.ts";
import type { Finding, Subject } from "./finding.ts";
import { judgeDisk } from "./host-findings.ts";

const subject: Subject = { group: "registry", topic: "registry disk" };
const namespace = "container-registry";

const claims: Resource<Plain<V1PersistentVolumeClaim>> = {
  group: "",
  version: "v1",
  plural: "persistentvolumeclaims",
  kind: "PersistentVolumeClaim",
  namespaced: true,
};

const volumes: Resource<Plain<V1PersistentVolume>> = {
  group: "",
  version: "v1",
  plural: "persistentvolumes",
  kind: "PersistentVolume",
  namespaced: false,
};

export interface RegistryDiskOptions {
  readonly root: string;
  readonly signal: AbortSignal;
  /** The name that this machine has as a node; default is its host name. */
  readonly node?: string;
}

/** How much room the volume of microk8s' registry has, where that volume is a folder of this machine; nothing elsewhere. */
export async function registryDiskFindings(
  cluster: Cluster,
  options: RegistryDiskOptions,
): Promise<readonly Finding[]> {
  const { root, signal, node = hostname() } = options;
  const { items } = await listObjects(cluster, pods, { namespace, labelSelector: "app=registry", signal });
  const here = items.find(({ spec }) => spec?.nodeName === node);
  const folder = here && (await folderOf(cluster, here, signal));
  const space = folder && (await statfs(join(root, folder)).catch(() => undefined));
  return folder && space ? [judgeDisk(subject, folder, space.bavail * space.bsize)] : [];
}

/** A hostPath is never larger than the disk it lies on, whatever size its claim names. */
async function folderOf(cluster: Cluster, { spec }: Pod, signal: AbortSignal): Promise<string | undefined> {
  for (const { hostPath, persistentVolumeClaim } of spec?.volumes ?? []) {
    if (hostPath) return hostPath.path;
    if (!persistentVolumeClaim) continue;
    const claim = await getObject(cluster, claims, persistentVolumeClaim.claimName, { namespace, signal });
    const name = claim?.spec?.volumeName;
    const volume = name === undefined ? undefined : await getObject(cluster, volumes, name, { signal });
    return volume?.spec?.hostPath?.path ?? volume?.spec?.local?.path;
  }
  return undefined;
}
