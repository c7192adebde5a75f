import { dirname } from "node:path";
import { describeError } from "../error.ts";
import type { HostPrograms } from "./host-programs.ts";
import { certsFolder } from "./hosts-toml.ts";
import { isSameChange, type LedgerEntry, lastingUser, type MachineChange, withLedger, withUser } from "./ledger.ts";
import { readRootFile, removeEmptyFolder, writeRootFile } from "./root-file.ts";
import { findSnap, removeSnap, setRefreshHold } from "./snap.ts";
import { reloadUnit } from "./unit.ts";

/** A file of the machine as it shall be. */
export interface WantedFile {
  readonly path: string;
  /** The new content, made from the present one; the same text, or undefined, where nothing has to change. */
  readonly change: (present: string | undefined) => string | undefined;
  /** What is new, for people. */
  readonly what: string;
  /** The systemd unit that reads the file when it is told to. */
  readonly unit?: string;
}

/** Writes a file for as long as jobs need it. One that is right already, and not by us, is nobody's to undo. */
export async function claimFile(host: HostPrograms, user: string, wanted: WantedFile): Promise<void> {
  await withLedger(host, async (entries, save) => {
    const present = await readRootFile(host, wanted.path);
    const content = wanted.change(present) ?? present;
    const known = entries.find(({ change }) => change.kind === "file" && change.path === wanted.path);
    if (content === present || content === undefined) {
      if (known) await save(replace(entries, withUser(known, user)));
      return;
    }
    const prior = known?.change.kind === "file" ? known.change.prior : (present ?? null);
    const { path, what, unit } = wanted;
    const change = { kind: "file", path, prior, written: content, unit: unit ?? null } as const;
    const until = user === lastingUser ? "It stays so" : "It becomes what it was when the last job that needs it ends";
    host.log.info(`Writing ${path}: ${what}. ${until}.`);
    await save(replace(entries, withUser({ change, users: known?.users ?? [] }, user)));
    await writeRootFile(host, path, content);
    if (unit) await reloadUnit(host, unit);
  });
}

/** Something that is done to the snap for as long as jobs need it. */
export interface WantedSnapChange {
  readonly kind: "hold" | "snap";
  /** Whether it is to be undone when the last job that relies on it ends. */
  readonly isUndone: boolean;
  readonly isDone: () => Promise<boolean>;
  readonly act: () => Promise<void>;
}

/** Does it unless it is done, alone on this machine, and notes that a job relies on it. Whether it was done before, and not by this job. */
export async function claimSnap(host: HostPrograms, user: string, wanted: WantedSnapChange): Promise<boolean> {
  const { kind, isUndone, isDone, act } = wanted;
  return withLedger(host, async (entries, save) => {
    const wasDone = await isDone();
    const known = entries.find(({ change }) => change.kind === kind);
    // Written down first: what is killed half-way leaves something to undo.
    if (known) await save(replace(entries, withUser(known, user)));
    else if (!wasDone && isUndone) await save([...entries, withUser({ change: { kind }, users: [] }, user)]);
    if (!wasDone) await act();
    return wasDone;
  });
}

/** Ends a job's part: what no other job relies on is undone. Warns about what could not be undone, and keeps it on the list. */
export async function releaseClaims(host: HostPrograms, user: string): Promise<void> {
  await withLedger(host, async (entries, save) => {
    let left = entries.map((entry) => ({ ...entry, users: entry.users.filter(({ id }) => id !== user) }));
    for (const { change, users } of left.toReversed()) {
      if (users.length > 0) {
        host.log.info(`${nameOf(change)}: left as it is, for ${users.length} other jobs.`);
        continue;
      }
      try {
        await undo(host, change);
        left = left.filter((entry) => !isSameChange(entry.change, change));
      } catch (error) {
        host.log.warning(`${nameOf(change)} could not be undone: ${describeError(error)}`);
      }
      await save(left);
    }
    await save(left);
  });
}

async function undo(host: HostPrograms, change: MachineChange): Promise<void> {
  if (change.kind === "file") return undoFile(host, change);
  // An install that failed half-way may have left no snap.
  if ((await findSnap(host, "microk8s")) === undefined) return;
  host.log.info(
    change.kind === "snap" ? "Removing microk8s, which a job installed." : "Letting microk8s refresh again.",
  );
  await (change.kind === "snap" ? removeSnap(host, "microk8s") : setRefreshHold(host, "microk8s", false));
}

async function undoFile(host: HostPrograms, change: Extract<MachineChange, { kind: "file" }>): Promise<void> {
  const { path, prior, written, unit } = change;
  const present = await readRootFile(host, path);
  if (present === (prior ?? undefined)) return;
  if (present !== written) {
    host.log.warning(`${path} was changed by somebody else since: it is left as it is.`);
    return;
  }
  host.log.info(prior === null ? `Removing ${path}.` : `Writing ${path} as it was.`);
  await writeRootFile(host, path, prior ?? undefined);
  if (prior === null && path.startsWith(`${certsFolder}/`)) await removeEmptyFolder(host, dirname(path));
  if (unit) await reloadUnit(host, unit);
}

function replace(entries: readonly LedgerEntry[], entry: LedgerEntry): readonly LedgerEntry[] {
  return [...entries.filter(({ change }) => !isSameChange(change, entry.change)), entry];
}

function nameOf(change: MachineChange): string {
  if (change.kind === "file") return change.path;
  return change.kind === "snap" ? "microk8s, which a job installed" : "The hold on microk8s' refreshes";
}
