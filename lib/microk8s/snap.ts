import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import { CommandError } from "../exec.ts";
import { retry } from "../retry.ts";
import { type HostPrograms, runAsRoot } from "./host-programs.ts";

/** An installed snap. */
export interface InstalledSnap {
  readonly version: string;
  /** `track/risk` that it follows. */
  readonly channel: string;
  /** Whether automatic refreshes are held back already. */
  readonly held: boolean;
}

/** The snap as it is installed; undefined when it is not. Throws DomainError `snap-missing` where there is no snapd. */
export async function findSnap({ exec, env, signal }: HostPrograms, name: string): Promise<InstalledSnap | undefined> {
  try {
    const { stdout, exitCode } = await exec("snap", ["list", name], { env, signal, ignoreExitCode: true });
    if (exitCode !== 0) return undefined;
    const [, version = "", , channel = "", , notes = ""] = (stdout.trim().split("\n").at(-1) ?? "").split(/\s+/);
    return { version, channel, held: notes.split(",").includes("held") };
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode !== 127) throw error;
    throw new DomainError("snap-missing", "microk8s is installed by snap, and this machine has no snapd.", {
      hint: "Run: apt-get install snapd; or use a cluster that is there: set kubeconfig, and distribution to existing.",
      cause: error,
    });
  }
}

/** Installs microk8s from a channel; waits while snapd is busy with something else, until the deadline of `host.signal`. */
export async function installSnap(host: HostPrograms, name: string, channel: string): Promise<void> {
  await whileBusy(host, `snap install ${name}`, () =>
    runAsRoot(host, "snap", ["install", name, "--classic", `--channel=${channel}`]),
  );
}

/** Removes the snap with its data and without a snapshot of it. */
export async function removeSnap(host: HostPrograms, name: string): Promise<void> {
  await whileBusy(host, `snap remove ${name}`, () => runAsRoot(host, "snap", ["remove", "--purge", name]));
}

/** Holds automatic refreshes back, or lets them go again. A refresh restarts the cluster under a running test. */
export async function setRefreshHold(host: HostPrograms, name: string, held: boolean): Promise<void> {
  const flag = held ? "--hold=forever" : "--unhold";
  await whileBusy(host, `snap refresh ${flag} ${name}`, () => runAsRoot(host, "snap", ["refresh", flag, name]));
}

/** Calls again while snapd says that another change is in progress: that is no failure, and passes. */
export async function whileBusy<T>(host: HostPrograms, what: string, call: () => Promise<T>): Promise<T> {
  return retry(call, {
    // The deadline is the signal's; the number only bounds a snapd that says busy for ever.
    attempts: 60,
    baseMs: 1000,
    maxMs: 15_000,
    signal: host.signal,
    retryable: (error) => error instanceof CommandError && isBusy(error.stderr),
    onRetry: (_error, attempt, delayMs) =>
      host.log.info(
        `${what}: snapd is busy with another change; trying again in ${formatDuration(delayMs)} (${attempt}).`,
      ),
  });
}

function isBusy(text: string): boolean {
  return /change in progress|changes in progress|snapd is about to reboot|cannot communicate with server|try again later/i.test(
    text,
  );
}
