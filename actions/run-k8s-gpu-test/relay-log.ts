import { type FileHandle, open } from "node:fs/promises";
import { createSecretMask } from "../../lib/secret-mask.ts";
import type { ShardConsole } from "./shared-console.ts";

export interface RelayOptions {
  readonly log: AsyncIterable<Uint8Array>;
  readonly file: string;
  readonly secrets: readonly string[];
  readonly console: ShardConsole;
}

/**
 * Copies a test's log as it comes, and reads no faster than both take it: its bytes into a file, safe lines onto the console, secrets into
 * neither. Gives what the file lacks, in words: a full disk costs the file and not the test.
 */
export async function relayLog({ log, file, secrets, console }: RelayOptions): Promise<string | undefined> {
  const mask = createSecretMask(secrets);
  await using target = createLogFile(file);
  // The mask's bytes stay as they are until both have taken them.
  const take = (bytes: Uint8Array) => Promise.all([console.push(bytes), target.write(bytes)]);
  try {
    for await (const bytes of log) await take(mask.push(bytes));
  } finally {
    await take(mask.end());
    await console.end();
  }
  return target.gap();
}

interface LogFile extends AsyncDisposable {
  /** Never rejects: after a failure nothing more is written. */
  write(bytes: Uint8Array): Promise<void>;
  /** Why the file is not whole. */
  gap(): string | undefined;
}

function createLogFile(path: string): LogFile {
  let gap: string | undefined;
  let handle: FileHandle | undefined;
  return {
    gap: () => gap,
    async write(bytes) {
      if (gap !== undefined) return;
      try {
        handle ??= await open(path, "w");
        for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
      } catch (error) {
        gap = `${path} could not be written: ${(error as Error).message}`;
      }
    },
    [Symbol.asyncDispose]: async () => handle?.close(),
  };
}
