import { DomainError } from "../../lib/error.ts";
import { CommandError } from "../../lib/exec.ts";
import type { Cluster } from "../../lib/kubernetes/client.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { describePodTrouble } from "../../lib/kubernetes/pod-trouble.ts";
import { pods } from "../../lib/kubernetes/resource.ts";

const labelSelector = "app.kubernetes.io/part-of=gpu-ci,app.kubernetes.io/managed-by=gpu-ci";

/** What a reader needs when Helm gave up: its last words, and what keeps the pods of the release from being ready, which it does not say. */
export async function chartFailure(error: unknown, cluster: Cluster, release: string): Promise<unknown> {
  if (!(error instanceof CommandError)) return error;
  // Whoever may not list pods still hears Helm.
  const { items } = await listObjects(cluster, pods, { labelSelector }).catch(() => ({ items: [] }));
  const troubles = items.flatMap((pod) => describePodTrouble(pod) ?? []);
  const said = error.stderr.trim().split("\n").at(-1);
  const place = `--namespace ${cluster.namespace}`;
  return new DomainError("chart-failed", [`Helm could not apply release ${release}: ${said}`, ...troubles].join("\n"), {
    hint: `Logs: kubectl logs POD ${place}. What is there already: helm uninstall ${release} ${place}.`,
  });
}
