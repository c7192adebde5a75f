import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { exec } from "../../lib/exec.ts";
import { createObject, getObject } from "../../lib/kubernetes/object.ts";
import { describePodTrouble } from "../../lib/kubernetes/pod-trouble.ts";
import { pods } from "../../lib/kubernetes/resource.ts";
import { pushBuildkitImage } from "./buildkit-image.ts";
import { openRealCluster } from "./real-cluster.ts";

const name = "probe";

/**
 * What a pod is told that makes a user namespace of its own as the chart's builder does; undefined where it may. Some kernels and sandboxes
 * refuse that to everybody but root (`user.max_user_namespaces`, AppArmor), and no test of the builder can run there.
 */
export async function rootlessRefusal(): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "gpu-ci-rootless-"));
  try {
    await using real = await openRealCluster("rootless-probe");
    const unconfined = { type: "Unconfined" };
    const securityContext = { runAsUser: 1000, seccompProfile: unconfined, appArmorProfile: unconfined };
    const image = await pushBuildkitImage(process.env.REGISTRY ?? "", folder);
    const container = { name: "main", image, command: ["rootlesskit", "true"] };
    const spec = { restartPolicy: "Never", securityContext, containers: [container] };
    await createObject(real.cluster, pods, { metadata: { name }, spec });
    for (const end = Date.now() + 300_000; ; await wait(500)) {
      const pod = await getObject(real.cluster, pods, name);
      if (pod?.status?.phase === "Succeeded") return undefined;
      if (pod?.status?.phase === "Failed")
        return (await exec("kubectl", ["logs", name, "--namespace", real.namespace])).stdout;
      if (Date.now() > end) throw new Error(`The probe never ended: ${describePodTrouble(pod ?? {})}`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
