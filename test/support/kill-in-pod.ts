import { readdirSync, readFileSync } from "node:fs";

/** Ends a program of a pod at once, as a crash of the machine would: by SIGKILL, from this host, which is the pod's node. */
export function killInPod(podUid: string, program: string): void {
  const read = (pid: string, file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, "utf8");
    } catch {
      // It has ended meanwhile.
      return "";
    }
  };
  const isOfPod = (pid: string) => read(pid, "cgroup").replaceAll("_", "-").includes(podUid);
  const pids = readdirSync("/proc").filter((pid) => /^\d+$/.test(pid));
  const found = pids.filter((pid) => isOfPod(pid) && read(pid, "comm").trim() === program);
  if (found.length === 0) throw new Error(`There is no ${program} of pod ${podUid} on this host.`);
  for (const pid of found) process.kill(Number(pid), "SIGKILL");
}
