import { readFile, readlink } from "node:fs/promises";

/** Annotation that says which process follows a run, so that the one who sweeps knows whether it still does. */
export const processAnnotation = "gpu-ci/process";

/**
 * This process as no other ever was on any machine: boot, process namespace, id and start. Undefined where there is no /proc: a run of such
 * a machine is known to be over by its time alone.
 */
export async function identifyProcess(proc = "/proc", pid = "self"): Promise<string | undefined> {
  try {
    const boot = (await readFile(`${proc}/sys/kernel/random/boot_id`, "utf8")).trim();
    const namespace = /\d+/.exec(await readlink(`${proc}/self/ns/pid`))?.[0];
    // The second field is the program's name, which may hold anything: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    const stat = await readFile(`${proc}/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const isZombie = fields[0] === "Z";
    return isZombie ? "zombie" : `${boot}/${namespace}/${stat.split(" ", 1)[0]}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

/** Whether the process of an annotation still lives; `unknown` when it is none of this machine's, seen from here. */
export async function processState(
  identity: string | undefined,
  proc = "/proc",
): Promise<"alive" | "gone" | "unknown"> {
  const here = await identifyProcess(proc);
  const [boot, namespace, pid] = identity?.split("/") ?? [];
  if (here === undefined || pid === undefined || !here.startsWith(`${boot}/${namespace}/`)) return "unknown";
  const seen = await identifyProcess(proc, pid);
  if (seen === identity) return "alive";
  // Where a machine hides the processes of others (hidepid), one that cannot be read may live all the same.
  return seen === undefined && isThere(Number(pid)) ? "unknown" : "gone";
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
