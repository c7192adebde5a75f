import { readFile } from "node:fs/promises";
import type { Exec } from "../../lib/exec.ts";
import { type Finding, ok, problem } from "./finding.ts";
import { versionOf } from "./program-version.ts";

/** The container engine that runs tests when no cluster is configured: podman or docker, its runtime, the machine's cgroups. */
export async function engineFindings(exec: Exec, clusterConfigured: boolean): Promise<readonly Finding[]> {
  const [podman, docker] = await Promise.all([
    versionOf(exec, "podman", ["--version"]),
    versionOf(exec, "docker", ["version", "--format", "docker {{.Server.Version}}"]),
  ]);
  const state = clusterConfigured ? "absent" : "missing";
  if (podman === undefined && docker === undefined) {
    return [
      problem(state, "container engine", "neither podman nor a running docker", "apt-get install -y podman runc"),
    ];
  }
  const engine = ok("container engine", [podman, docker].filter((version) => version !== undefined).join("; "));
  if (podman === undefined) return [engine];
  return [engine, await runtimeFinding(exec, state)];
}

async function runtimeFinding(exec: Exec, state: "absent" | "missing"): Promise<Finding> {
  const [runc, crun, cgroups] = await Promise.all([
    versionOf(exec, "runc", ["--version"]),
    versionOf(exec, "crun", ["--version"]),
    cgroupMode(),
  ]);
  const found = `${[runc, crun].filter((version) => version !== undefined).join("; ") || "none"}; cgroups ${cgroups}`;
  if (runc !== undefined) return ok("container runtime", found);
  const remedy = "apt-get install -y runc";
  // crun refuses a machine that mounts both versions of cgroups; runc does not.
  if (crun !== undefined && cgroups !== "hybrid") return ok("container runtime", found);
  return problem(state, "container runtime", found, remedy);
}

async function cgroupMode(): Promise<"v2" | "v1" | "hybrid" | "unknown"> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const v1 = / - cgroup /.test(mounts);
  const v2 = / - cgroup2 /.test(mounts);
  if (v1 && v2) return "hybrid";
  if (v2) return "v2";
  return v1 ? "v1" : "unknown";
}
