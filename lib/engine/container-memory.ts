import { constants } from "node:fs";
import { lstat, open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "../abort.ts";

const pollMs = 200;
const donePollMs = 40;

/** Watches a running container for processes that the kernel killed for memory. */
export interface MemoryWatch {
  /** Whether any process was killed so far: the status of the container does not tell when it was not the first one. */
  wasKilled(): boolean;
  stop(): void;
}

export interface MemoryWatchOptions {
  /** Process id of the container's first process on this machine. */
  readonly pid: number;
  /** The folder at /gpu-ci/control, where the wrapper says that the test ended and waits to be let go. */
  readonly control: string;
}

/**
 * Reads the container's cgroup: now and then, and once more when the wrapper says that the test ended. The wrapper then waits for our
 * answer, so that the cgroup is still there.
 */
export function watchMemory({ pid, control }: MemoryWatchOptions): MemoryWatch {
  const stopped = new AbortController();
  let killed = false;
  const files = memoryFilesOf(pid);
  const look = async () => {
    killed ||= await hasKills(await files);
  };
  const pollUntilStopped = async () => {
    while (!stopped.signal.aborted && !killed) {
      await look();
      await sleep(pollMs, stopped.signal);
    }
  };
  const letGo = async () => {
    while (!(await exists(join(control, "done")))) await sleep(donePollMs, stopped.signal);
    await look();
    await noteSent(join(control, "sent")).catch(() => {});
    await letWrapperGo(join(control, "read"));
  };
  // Without a cgroup to read, or when the wrapper is gone already, there is nothing to watch: the status has the last word.
  for (const task of [pollUntilStopped, letGo]) task().catch(() => {});
  return { wasKilled: () => killed, stop: () => stopped.abort() };
}

async function memoryFilesOf(pid: number): Promise<string[]> {
  const cgroups = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
  return cgroups.split("\n").flatMap((line) => {
    const [, controllers, path] = /^\d+:([^:]*):(\/.+)$/.exec(line) ?? [];
    if (path === undefined) return [];
    if (controllers === "") return [join("/sys/fs/cgroup", path, "memory.events")];
    return controllers?.split(",").includes("memory")
      ? [join("/sys/fs/cgroup/memory", path, "memory.oom_control")]
      : [];
  });
}

async function hasKills(files: readonly string[]): Promise<boolean> {
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  return texts.some((text) => /^oom_kill [1-9]/m.test(text));
}

/** For a wrapper without fifos, which looks for this file. */
async function noteSent(path: string): Promise<void> {
  const file = await open(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW);
  await file.close();
}

/** The folder belongs to the container: what stands there may be a link to a file of this machine. */
async function letWrapperGo(path: string): Promise<void> {
  await using pipe = await open(path, constants.O_RDWR | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  if ((await pipe.stat()).isFIFO()) await pipe.write("\n");
}

function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
