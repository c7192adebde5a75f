import { CommandError } from "../exec.ts";
import { type HostPrograms, runAsRoot } from "./host-programs.ts";

/** Tells a systemd unit to read its files again, without a restart: its containers go on. One that cannot be told is said, and reads them at its next start. */
export async function reloadUnit(host: HostPrograms, unit: string): Promise<void> {
  try {
    // The Docker daemon reads insecure-registries on SIGHUP: https://docs.docker.com/reference/cli/dockerd/#configuration-reload-behavior
    await runAsRoot(host, "systemctl", ["kill", "--kill-who=main", "--signal=HUP", unit]);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    host.log.warning(
      `${unit} could not be told to read its configuration again, it does when it starts next: ${describeCommand(error)}`,
    );
  }
}

function describeCommand(error: CommandError): string {
  return error.stderr.trim().split("\n").at(-1) || error.message;
}
