import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { createSecretMask } from "../../lib/secret-mask.ts";
import type { ShardConsole } from "./shared-console.ts";

export interface RelayOptions {
  readonly log: AsyncIterable<Uint8Array>;
  readonly file: string;
  readonly secrets: readonly string[];
  readonly console: ShardConsole;
}

/** Copies a test's log as it comes: its bytes into a file, safe lines onto the console, secrets into neither. */
export async function relayLog({ log, file, secrets, console }: RelayOptions): Promise<void> {
  const mask = createSecretMask(secrets);
  const stream = createWriteStream(file);
  const written = finished(stream);
  written.catch(() => {});
  const write = async (bytes: Uint8Array) => {
    if (!stream.write(bytes))
      await Promise.race([new Promise<void>((resolve) => stream.once("drain", resolve)), written]);
  };
  const take = async (bytes: Uint8Array) => {
    await Promise.all([console.push(bytes), write(bytes)]);
  };
  try {
    for await (const bytes of log) await take(mask.push(bytes));
  } finally {
    const rest = mask.end();
    await console.push(rest);
    await console.end();
    stream.end(rest);
    await written;
  }
}
