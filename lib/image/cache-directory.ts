import { homedir } from "node:os";
import { join } from "node:path";

/** The folder of gpu-ci that outlives a job: below the runner's tool cache, else the user's cache. It may be deleted at any time. */
export function cacheDirectory(env: NodeJS.ProcessEnv): string {
  return join(env.RUNNER_TOOL_CACHE || env.XDG_CACHE_HOME || join(env.HOME || homedir(), ".cache"), "gpu-ci");
}
