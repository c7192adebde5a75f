import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { exec } from "../../lib/exec.ts";
import { root } from "./house.ts";

/** A process of the test cluster. */
export type ClusterPart = "api-server" | "kubelet" | "containerd" | "gpu" | "registry";

/** The test cluster's processes, to be stopped and killed for real. */
export interface ClusterParts {
  signal(part: ClusterPart, signal: NodeJS.Signals): Promise<void>;
  /** Starts again what is missing, with its state, and waits until pods can run. */
  up(): Promise<void>;
  /** The file with the ids of GPUs that the device plugin shall call unhealthy. */
  readonly unhealthyGpus: string;
}

/** Finds the test cluster beside this repository, or where GPU_CI_SHARED says. Throws when it does not run. */
export async function openClusterParts(env: NodeJS.ProcessEnv = process.env): Promise<ClusterParts> {
  const folder = join(resolve(root, env.GPU_CI_SHARED || "../shared"), "cluster");
  const script = 'source "$1/settings" && printf "%s\\n%s\\n" "$run" "$state"';
  const { stdout } = await exec("bash", ["-c", script, "bash", folder]);
  const [run = "", state = ""] = stdout.split("\n");
  const idOf = async (part: ClusterPart) => Number(await readFile(join(run, `${part}.pid`), "utf8"));
  await idOf("api-server");
  return {
    signal: async (part, signal) => void process.kill(await idOf(part), signal),
    up: async () => void (await exec(join(folder, "up"), [])),
    unhealthyGpus: join(state, "unhealthy-gpus"),
  };
}
