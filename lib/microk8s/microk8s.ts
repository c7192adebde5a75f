import { sleep } from "../abort.ts";
import { DomainError } from "../error.ts";
import { CommandError } from "../exec.ts";
import { askAsRoot, type HostPrograms, runAsRoot } from "./host-programs.ts";
import { whileItPasses } from "./snap.ts";

/** The kubeconfig of the machine's microk8s; waits for it until the deadline of `host.signal`, as a fresh one makes it when it has started. */
export async function readMicrok8sConfig(host: HostPrograms): Promise<string> {
  for (;;) {
    try {
      const { stdout } = await askAsRoot(host, "microk8s", ["config"]);
      if (stdout.includes("clusters:")) return stdout;
    } catch (error) {
      if (!(error instanceof CommandError) || error.exitCode === 127) throw error;
      host.log.debug(`microk8s config: ${error.stderr.trim()}`);
    }
    await sleep(1000, host.signal);
  }
}

/** Whether microk8s calls an addon enabled; whether it works is another matter. Asked for one whose workloads we do not know. */
export async function isEnabled(host: HostPrograms, addon: string): Promise<boolean> {
  const [name = ""] = addon.split(":");
  const { stdout } = await askAsRoot(host, "microk8s", ["status", "--addon", name]).catch((error: unknown) => {
    if (error instanceof CommandError && error.exitCode !== 127) return { stdout: "" };
    throw error;
  });
  return stdout.trim() === "enabled";
}

/**
 * Enables one addon, and says nothing about whether it works: `microk8s enable` ends before its pods run, and `microk8s status` calls an
 * addon enabled as soon as its objects exist.
 */
export async function enableAddon(host: HostPrograms, addon: string): Promise<void> {
  try {
    await whileItPasses(host, `microk8s enable ${addon}`, () => runAsRoot(host, "microk8s", ["enable", addon]));
  } catch (cause) {
    if (!(cause instanceof DomainError) || cause.code !== "snap-failed") throw cause;
    throw new DomainError("addon-failed", `microk8s could not enable the addon ${addon}.`, {
      hint: "Its log above says why; microk8s status lists the addons there are, and microk8s inspect writes a report.",
      retryable: true,
      cause,
    });
  }
}
