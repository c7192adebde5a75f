import type { DevicePlugin } from "./device-plugins.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";

const subject: Subject = { group: "gpus", topic: "device plugin" };

/** Whether the device plugins run where they shall. A cluster without one may have one outside of Kubernetes: the GPUs tell. */
export function devicePluginFindings(plugins: readonly DevicePlugin[]): readonly Finding[] {
  return plugins.map((plugin) => {
    const { name, ready, wanted, troubles } = plugin;
    const found = `${name}: ${ready} of ${wanted} ready`;
    if (wanted === 0) {
      return problem(subject, "limited", {
        code: "plugin-nowhere",
        found,
        cause: "no node has the labels that it asks for",
        remedy:
          "Compare its nodeSelector and affinity with the labels of the GPU nodes: kubectl get nodes --show-labels.",
      });
    }
    if (ready >= wanted) return ok(subject, found);
    return problem(subject, "limited", {
      code: "plugin-not-ready",
      found,
      cause: troubles.length > 0 ? troubles.slice(0, 3).join("; ") : "its pods are not there yet",
      remedy: `kubectl logs daemonset/${name.split("/")[1]} --namespace=${name.split("/")[0]} --all-containers; driver, toolkit and runtime have to work first.`,
    });
  });
}
