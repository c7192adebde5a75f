import type { Cluster } from "../../lib/kubernetes/client.ts";
import { listObjects } from "../../lib/kubernetes/object.ts";
import { events } from "../../lib/kubernetes/resource.ts";
import { type Finding, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "gpus", topic: "runtime class" };

/** Pods that could not start because their node's containerd does not know the runtime that their RuntimeClass names. Events of about the last hour. */
export async function runtimeHandlerFindings(cluster: Cluster, signal: AbortSignal): Promise<readonly Finding[]> {
  const { items } = await listObjects(cluster, events, {
    allNamespaces: true,
    fieldSelector: "reason=FailedCreatePodSandBox",
    signal,
  });
  // containerd: `no runtime for "nvidia" is configured`.
  const unknown = items.flatMap(({ message = "", involvedObject, source }) => {
    const [, handler] = /no runtime for "([^"]+)" is configured/.exec(message) ?? [];
    return handler === undefined ? [] : [{ handler, node: source?.host ?? "its node", pod: podOf(involvedObject) }];
  });
  const byHandler = Map.groupBy(unknown, ({ handler, node }) => `${handler} ${node}`);
  return [...byHandler.values()].map((cases) => {
    const [{ handler, node } = { handler: "", node: "" }] = cases;
    return problem(subject, "limited", {
      code: "runtime-handler-missing",
      found: `no container of ${[...new Set(cases.map(({ pod }) => pod))].slice(0, 3).join(", ")} could be made`,
      cause: `containerd on ${node} has no runtime ${handler}`,
      remedy: `Configure it (nvidia-ctk runtime configure, or microk8s enable nvidia), or take runtimeClassName: ${handler} out.`,
    });
  });
}

function podOf({ namespace = "", name = "" }: { readonly namespace?: string; readonly name?: string }): string {
  return `${namespace}/${name}`;
}
