import { join } from "node:path";
import * as v from "valibot";
import { deadline, sleep } from "../abort.ts";
import { formatDuration } from "../duration.ts";
import { DomainError } from "../error.ts";
import { CommandError } from "../exec.ts";
import { askAsRoot, type HostPrograms } from "./host-programs.ts";
import { readRootFile, writeRootFile } from "./root-file.ts";

const userSchema = v.object({ id: v.string(), expires: v.string() });
const changeSchema = v.variant("kind", [
  v.object({
    kind: v.literal("file"),
    path: v.string(),
    /** Null: there was no such file. */
    prior: v.nullable(v.string()),
    written: v.string(),
    /** The systemd unit that reads the file when it is told to; null for none. */
    unit: v.nullable(v.string()),
  }),
  v.object({ kind: v.literal("hold") }),
  v.object({ kind: v.literal("snap") }),
]);
const entrySchema = v.object({ change: changeSchema, users: v.array(userSchema) });

/** What was done to the machine: a file written, refreshes held, the snap installed to be removed again. */
export type MachineChange = v.InferOutput<typeof changeSchema>;
/** A change and the jobs that rely on it. */
export type LedgerEntry = v.InferOutput<typeof entrySchema>;

const folder = "/var/lib/gpu-ci/setup";
const file = join(folder, "ledger.json");
const lock = join(folder, "lock");
// Who holds the lock touches it each minute; a job that was killed leaves it behind.
const staleLockMinutes = 5;
const touchMs = 60_000;
const longestMs = 20 * 60_000;
// A job that was killed never says that it has ended: after a day nobody counts on it.
const userHours = 24;

/** The user of changes that nobody's post step undoes: who sets a machine up in a terminal wants it to stay so. */
export const lastingUser = "set up in a terminal";

/**
 * Reads and rewrites, alone on this machine, the list of what our jobs changed on it. A change is undone by the last job that relies on it, not by the one
 * that made it: several jobs share a box. `body` gives the new list; `save` may be called before, so that nothing is done that is not written down.
 */
export async function withLedger<T>(
  host: HostPrograms,
  body: (entries: readonly LedgerEntry[], save: (entries: readonly LedgerEntry[]) => Promise<void>) => Promise<T>,
): Promise<T> {
  await takeLock(host);
  const path = join(host.root, lock);
  const touching = setInterval(() => void askAsRoot(host, "touch", ["--", path]).catch(() => {}), touchMs);
  try {
    const now = Date.now();
    const entries = parse(await readRootFile(host, file)).map((entry) => ({
      ...entry,
      users: entry.users.filter(({ expires }) => Date.parse(expires) > now),
    }));
    return await body(entries, (changed) =>
      writeRootFile(host, file, changed.length === 0 ? undefined : `${JSON.stringify(changed, undefined, 2)}\n`),
    );
  } finally {
    clearInterval(touching);
    // Also after a cancel: a lock that stays would stop every other job of the box.
    const leaving = { ...host, signal: AbortSignal.timeout(5000) };
    await askAsRoot(leaving, "rmdir", ["--", path]).catch((error: unknown) => {
      host.log.warning(
        `${lock} could not be removed, ${staleLockMinutes} minutes from now another job does it: ${String(error)}`,
      );
    });
  }
}

/** Whether two changes are about the same thing of the machine. */
export function isSameChange(one: MachineChange, other: MachineChange): boolean {
  return one.kind === "file" ? other.kind === "file" && one.path === other.path : one.kind === other.kind;
}

/** The entry with one more user. */
export function withUser(entry: LedgerEntry, id: string): LedgerEntry {
  const expires =
    id === lastingUser ? "9999-12-31T00:00:00.000Z" : new Date(Date.now() + userHours * 3_600_000).toISOString();
  return { ...entry, users: [...entry.users.filter((user) => user.id !== id), { id, expires }] };
}

async function takeLock(host: HostPrograms): Promise<void> {
  const path = join(host.root, lock);
  // What files were before may be nobody else's to read.
  await askAsRoot(host, "mkdir", ["-p", "-m", "700", "--", join(host.root, folder)]);
  using limit = deadline(`Waiting for another job that sets up this machine (${path})`, longestMs, host.signal);
  const patient = { ...host, signal: limit.signal };
  for (let attempt = 0; !(await makeFolder(patient, path)); attempt++) {
    if (attempt === 10)
      host.log.info(`Another job sets up this machine: waiting for it, at most ${formatDuration(longestMs)}.`);
    await removeStaleLock(patient, path);
    await sleep(Math.min(1000, 50 * (attempt + 1)), limit.signal);
  }
}

async function makeFolder(host: HostPrograms, path: string): Promise<boolean> {
  try {
    await askAsRoot({ ...host, env: { ...host.env, LC_ALL: "C" } }, "mkdir", ["--", path]);
    return true;
  } catch (error) {
    if (error instanceof CommandError && /File exists/.test(error.stderr)) return false;
    throw error;
  }
}

async function removeStaleLock(host: HostPrograms, path: string): Promise<void> {
  const isStale = ["-maxdepth", "0", "-mmin", `+${staleLockMinutes}`];
  // Whoever held it may have let it go meanwhile.
  await askAsRoot(host, "find", [path, ...isStale, "-delete"]).catch((error: unknown) => {
    if (!(error instanceof CommandError)) throw error;
  });
}

function parse(text: string | undefined): readonly LedgerEntry[] {
  if (text === undefined) return [];
  try {
    return v.parse(v.array(entrySchema), JSON.parse(text));
  } catch (cause) {
    throw new DomainError("ledger-invalid", `The list of what jobs changed on this machine, ${file}, cannot be read.`, {
      hint: "Undo by hand what it names, then remove it.",
      cause,
    });
  }
}
