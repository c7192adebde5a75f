import type { Node } from "../../lib/kubernetes/resource.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "cluster", topic: "nodes" };

/** Nodes that take no pods: away, cordoned, or short of disk, memory or process ids. */
export function nodeFindings(nodes: readonly Node[]): readonly Finding[] {
  const troubles = nodes.flatMap((node) => {
    const trouble = troubleOf(node);
    return trouble === undefined ? [] : [{ name: node.metadata?.name ?? "", ...trouble }];
  });
  const usable = nodes.length - troubles.length;
  const state = usable === 0 ? "missing" : "limited";
  const found = troubles.map(({ name, code, said, cause, remedy }) =>
    problem(subject, state, { code, found: `${name} ${said}`, cause, remedy: remedy.replace("NODE", name) }),
  );
  if (usable === 0 && found.length > 0) return found;
  return [ok(subject, `${usable} of ${nodes.length} ready for pods`), ...found];
}

function troubleOf({ spec, status }: Node) {
  const conditions = status?.conditions ?? [];
  const ready = conditions.find(({ type }) => type === "Ready");
  if (ready?.status !== "True") {
    const said = [ready?.reason, ready?.message].filter(Boolean).join(": ");
    return {
      code: "node-not-ready",
      said: `is not ready${ready?.lastTransitionTime ? ` since ${ready.lastTransitionTime}` : ""}`,
      cause: said === "" ? "its kubelet never reported" : said,
      remedy: "Look at its kubelet: microk8s inspect, or journalctl -u kubelet on NODE.",
    };
  }
  const pressure = conditions.find(({ type, status: is }) => type.endsWith("Pressure") && is === "True");
  if (pressure) {
    return {
      code: "node-pressure",
      said: `has ${pressure.type}`,
      cause: pressure.message ?? "pods are evicted and none is started",
      remedy: "Free what is short on NODE: old images (crictl rmi --prune), logs, pods without limits.",
    };
  }
  if (spec?.unschedulable !== true) return undefined;
  return {
    code: "node-cordoned",
    said: "is cordoned",
    cause: "somebody ran kubectl cordon or drain",
    remedy: "kubectl uncordon NODE, when its maintenance is over.",
  };
}
