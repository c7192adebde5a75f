import { join } from "node:path";
import type { DaemonSet } from "../../lib/kubernetes/resource.ts";
import type { Examination } from "./examination.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { versionOf } from "./program-version.ts";

/** The first release of the NVIDIA container toolkit without the known ways out of a container: CVE-2025-23266. */
const safeToolkit = [1, 17, 8] as const;

const subject: Subject = { group: "gpus", topic: "NVIDIA toolkit" };
const danger = "a container can escape it (CVE-2025-23266)";

/** The container toolkit of this machine: installed as a package, or put there by the GPU operator. */
export async function machineToolkitFinding({ exec, root }: Pick<Examination, "exec" | "root">): Promise<Finding> {
  const version =
    (await versionOf(exec, "nvidia-ctk", ["--version"])) ??
    (await versionOf(exec, join(root, "usr/local/nvidia/toolkit/nvidia-ctk"), ["--version"]));
  const remedy = "Install nvidia-container-toolkit 1.17.8 or newer from NVIDIA's repository.";
  if (version === undefined) {
    return problem(subject, "limited", {
      code: "toolkit-missing",
      found: "nvidia-ctk not found",
      cause: "containers of this machine cannot be given a GPU",
      remedy,
    });
  }
  if (!isUnsafe(version)) return ok(subject, version);
  return problem(subject, "limited", { code: "toolkit-unsafe", found: version, cause: danger, remedy });
}

/** The toolkits that the GPU operator (also microk8s' addon nvidia) puts on nodes, by the tags of its images. */
export function clusterToolkitFindings(daemonSets: readonly DaemonSet[]): readonly Finding[] {
  return daemonSets.flatMap(({ metadata, spec }) => {
    const name = `${metadata?.namespace}/${metadata?.name}`;
    const images = (spec?.template.spec?.containers ?? []).map(({ image = "" }) => image);
    const versions = images.flatMap((image) => /\/container-toolkit:v?(\d+\.\d+\.\d+)/.exec(image)?.[1] ?? []);
    return versions.map((version) => {
      if (!isUnsafe(version)) return ok(subject, `${version} on nodes, by ${name}`);
      return problem(subject, "limited", {
        code: "toolkit-unsafe",
        found: `${version} on nodes, by ${name}`,
        cause: danger,
        remedy: "Update the GPU operator to 25.3.1 or newer, or set toolkit.version to v1.17.8 or newer in its values.",
      });
    });
  });
}

function isUnsafe(text: string): boolean {
  const numbers = /(\d+)\.(\d+)\.(\d+)/.exec(text)?.slice(1).map(Number) ?? [];
  const at = safeToolkit.findIndex((number, index) => number !== (numbers[index] ?? 0));
  return at >= 0 && (numbers[at] ?? 0) < (safeToolkit[at] ?? 0);
}
