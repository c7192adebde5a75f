import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import { CommandError } from "../exec.ts";
import { retry } from "../retry.ts";
import { type HostPrograms, runAsRoot } from "./host-programs.ts";
import { findSnapTrouble, snapFailure } from "./snap-failure.ts";

/** An installed snap. */
export interface InstalledSnap {
  readonly version: string;
  /** `track/risk` that it follows. */
  readonly channel: string;
  /** Whether automatic refreshes are held back already. */
  readonly held: boolean;
}

/** The snap as it is installed; undefined when it is not. Throws DomainError `snap-missing` where there is no snapd, or what snapd says. */
export async function findSnap(host: HostPrograms, name: string): Promise<InstalledSnap | undefined> {
  const { env, signal } = host;
  try {
    const { stdout } = await whileItPasses(host, `snap list ${name}`, () =>
      host.exec("snap", ["list", name], { env: { ...env, LC_ALL: "C" }, signal }),
    );
    const [, version = "", , channel = "", , notes = ""] = (stdout.trim().split("\n").at(-1) ?? "").split(/\s+/);
    return { version, channel, held: notes.split(",").includes("held") };
  } catch (error) {
    const cause = error instanceof DomainError ? error.cause : error;
    if (!(cause instanceof CommandError)) throw error;
    if (/no matching snaps|no snaps are installed/i.test(cause.stderr)) return undefined;
    if (cause.exitCode !== 127) throw error;
    throw new DomainError("snap-missing", "microk8s is installed by snap, and this machine has no snapd.", {
      hint: "Install snapd (Debian, Ubuntu: apt-get install snapd); or use a cluster that is there: set kubeconfig, and distribution to existing.",
      cause,
    });
  }
}

/** Installs microk8s from a channel. */
export async function installSnap(host: HostPrograms, name: string, channel: string): Promise<void> {
  await whileItPasses(host, `snap install ${name}`, () =>
    runAsRoot(host, "snap", ["install", name, "--classic", `--channel=${channel}`]),
  );
}

/** Removes the snap with its data and without a snapshot of it. */
export async function removeSnap(host: HostPrograms, name: string): Promise<void> {
  await whileItPasses(host, `snap remove ${name}`, () => runAsRoot(host, "snap", ["remove", "--purge", name]));
}

/** Holds automatic refreshes back, or lets them go again. A refresh restarts the cluster under a running test. */
export async function setRefreshHold(host: HostPrograms, name: string, held: boolean): Promise<void> {
  const flag = held ? "--hold=forever" : "--unhold";
  await whileItPasses(host, `snap refresh ${flag} ${name}`, () => runAsRoot(host, "snap", ["refresh", flag, name]));
}

/**
 * Calls again, until the deadline of `host.signal`, while snapd says what passes by itself: another change in progress, a first start, a store that is away.
 * Throws a DomainError that names the trouble (`snap-busy`, `snap-not-seeded`, `snapd-away`, `snap-store-unreachable`), also when the time is up.
 */
export async function whileItPasses<T>(host: HostPrograms, what: string, call: () => Promise<T>): Promise<T> {
  let last: CommandError | undefined;
  try {
    return await retry(call, {
      // The deadline is the signal's; the number only bounds a snapd that says the same for ever.
      attempts: 200,
      baseMs: 1000,
      maxMs: 15_000,
      signal: host.signal,
      retryable: (error) => error instanceof CommandError && findSnapTrouble(error)?.passes === true,
      onRetry: (error, attempt, delayMs) => {
        if (!(error instanceof CommandError)) return;
        last = error;
        const words = findSnapTrouble(error)?.words ?? "failed";
        host.log.info(`${what}: ${words}; trying again in ${formatDuration(delayMs)} (${attempt}): ${lastLine(error)}`);
      },
    });
  } catch (error) {
    if (error instanceof CommandError && error.exitCode !== 127) throw snapFailure(what, error);
    const isLate = error instanceof DomainError && error.code === "deadline-exceeded";
    throw isLate && last ? snapFailure(`${error.message} ${what}`, last) : error;
  }
}

function lastLine(error: CommandError): string {
  return error.stderr.trim().split("\n").at(-1) ?? "";
}
