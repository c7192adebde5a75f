import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

/** What a process used, as far as it was seen before it ended. */
export interface ProcessUse {
  peakMb: number;
  cpuSeconds: number;
}

/** Looks at a process every 10 ms until it is gone: its highest memory, and its CPU time. */
export async function watchProcess(pid: number): Promise<ProcessUse> {
  const use: ProcessUse = { peakMb: 0, cpuSeconds: 0 };
  for (;;) {
    const [status, stat] = await Promise.all([read(pid, "status"), read(pid, "stat")]);
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
    if (kilobytes === undefined) return use;
    use.peakMb = Math.round((Number(kilobytes) * 1024) / 1e5) / 10;
    // Fields 14 and 15 of stat, user and system time in ticks of 10 ms; the name before them may hold spaces.
    const [user, system] = stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .slice(11, 13)
      .map(Number);
    use.cpuSeconds = ((user ?? 0) + (system ?? 0)) / 100;
    await sleep(10);
  }
}

async function read(pid: number, file: string): Promise<string> {
  return readFile(`/proc/${pid}/${file}`, "utf8").catch(() => "");
}
