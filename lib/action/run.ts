import * as core from "@actions/core";
import { CancelledError, describeError, exitCodeOfError } from "../error.ts";
import type { Host } from "../host.ts";
import type { SetOutput } from "../output.ts";
import { actionHost } from "./host.ts";

/**
 * Runs an action's story: the one place that catches everything, marks the step as failed and sets the exit code. A number that the
 * story returns is its exit code (0 to 3, 130, 143); an error gives the code that exitCodeOfError names.
 * `onError` writes what outputs are known then.
 */
export async function run(
  main: (host: Host) => Promise<unknown>,
  onError?: (output: SetOutput, error: unknown) => void,
): Promise<void> {
  const controller = new AbortController();
  // SIGTERM follows SIGINT after 7.5 s when the runner cancels: the story is then already cleaning up, and goes on.
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => controller.abort(new CancelledError(name)));
  // Nobody has to read what is said: the verdict and the clean-up do not depend on it.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const host = actionHost(controller.signal);
  try {
    const code = await main(host);
    process.exitCode = typeof code === "number" ? code : 0;
  } catch (error) {
    try {
      onError?.(host.output, error);
    } catch (unwritten) {
      core.warning(
        `The outputs could not be written: ${unwritten instanceof Error ? unwritten.message : String(unwritten)}`,
      );
    }
    core.setFailed(describeError(error));
    process.exitCode = exitCodeOfError(error);
  }
  // A connection that is kept alive must not keep the job waiting.
  setTimeout(() => process.exit(), 1000).unref();
}
