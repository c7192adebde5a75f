import { randomBytes } from "node:crypto";
import { createObject } from "../../lib/kubernetes/object.ts";
import { type Pod, pods } from "../../lib/kubernetes/resource.ts";
import type { RealCluster } from "./real-cluster.ts";

/** How the one container of a pod of this image ended, or why it does not start, where nothing may be pulled. */
export async function runWithoutPull(
  real: RealCluster,
  image: string,
  command: readonly string[],
): Promise<{ readonly exitCode: number | undefined; readonly reason: string | undefined }> {
  const name = `never-${randomBytes(3).toString("hex")}`;
  const containers = [{ name: "main", image, imagePullPolicy: "Never", command: [...command] }];
  await createObject(real.cluster, pods, { metadata: { name }, spec: { restartPolicy: "Never", containers } });
  let exitCode: number | undefined;
  let reason: string | undefined;
  await real.waitForPod(name, ({ status }: Pod) => {
    const { waiting, terminated } = status?.containerStatuses?.[0]?.state ?? {};
    exitCode = terminated?.exitCode;
    reason = terminated?.reason ?? (waiting?.reason === "ContainerCreating" ? undefined : waiting?.reason);
    return exitCode !== undefined || reason !== undefined;
  });
  return { exitCode, reason };
}
