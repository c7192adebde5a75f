import { readFile } from "node:fs/promises";
import type { Examination } from "./examination.ts";
import { type Finding, ok, problem, type Subject } from "./finding.ts";
import { versionOf } from "./program-version.ts";

const engineSubject: Subject = { group: "engine", topic: "container engine" };
const runtimeSubject: Subject = { group: "engine", topic: "container runtime" };

/** The container engine that runs tests when no cluster is configured: podman or docker, its runtime, the machine's cgroups. */
export async function engineFindings({ exec }: Examination, clusterConfigured: boolean): Promise<readonly Finding[]> {
  const [podman, docker] = await Promise.all([
    versionOf(exec, "podman", ["--version"]),
    versionOf(exec, "docker", ["version", "--format", "docker {{.Server.Version}}"]),
  ]);
  const state = clusterConfigured ? "absent" : "missing";
  if (podman === undefined && docker === undefined) {
    return [
      problem(engineSubject, state, {
        code: "engine-missing",
        found: "neither podman nor a running docker",
        remedy: "apt-get install -y podman runc",
      }),
    ];
  }
  const engine = ok(engineSubject, [podman, docker].filter((version) => version !== undefined).join("; "));
  if (podman === undefined) return [engine];
  return [engine, await runtimeFinding(exec, state)];
}

async function runtimeFinding(exec: Examination["exec"], state: "absent" | "missing"): Promise<Finding> {
  const [runc, crun, cgroups] = await Promise.all([
    versionOf(exec, "runc", ["--version"]),
    versionOf(exec, "crun", ["--version"]),
    cgroupMode(),
  ]);
  const found = `${[runc, crun].filter((version) => version !== undefined).join("; ") || "none"}; cgroups ${cgroups}`;
  if (runc !== undefined || (crun !== undefined && cgroups !== "hybrid")) return ok(runtimeSubject, found);
  const isRefusing = crun !== undefined;
  return problem(runtimeSubject, state, {
    code: isRefusing ? "crun-refuses-cgroups" : "runtime-missing",
    found,
    cause: isRefusing ? "crun refuses a machine that mounts both versions of cgroups; runc does not" : undefined,
    remedy: "apt-get install -y runc",
  });
}

async function cgroupMode(): Promise<"v2" | "v1" | "hybrid" | "unknown"> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const v1 = / - cgroup /.test(mounts);
  const v2 = / - cgroup2 /.test(mounts);
  if (v1 && v2) return "hybrid";
  if (v2) return "v2";
  return v1 ? "v1" : "unknown";
}
