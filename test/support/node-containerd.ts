import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";

/** The environment in which ctr is found and speaks with the containerd that runs on this machine. Throws where none runs. */
export function containerdEnvironment(): NodeJS.ProcessEnv {
  for (const id of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const [program = "", ...args] = readFileSync(`/proc/${id}/cmdline`, "utf8").split("\0");
      if (!/(^|\/)containerd$/.test(program)) continue;
      const file = args[args.findIndex((word) => word === "--config" || word === "-c") + 1] ?? "";
      const address = /\[grpc\]\s*\n\s*address\s*=\s*["']([^"']+)["']/.exec(readFileSync(file, "utf8"))?.[1];
      const folder = dirname(readlinkSync(`/proc/${id}/exe`));
      if (address) return { ...process.env, CONTAINERD_ADDRESS: address, PATH: `${process.env.PATH}:${folder}` };
    } catch {
      // A process may end while it is looked at.
    }
  }
  throw new Error("No containerd runs on this machine: the cluster's node has to be this machine.");
}
