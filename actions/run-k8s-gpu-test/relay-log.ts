import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import type { Host } from "../../lib/host.ts";
import { createFenceToken, createLogRelay } from "../../lib/log-relay.ts";
import { createSecretMask } from "../../lib/secret-mask.ts";

/** Copies a test's log as it comes: its bytes into a file, safe lines onto the console, secrets into neither. */
export async function relayLog(
  log: AsyncIterable<Uint8Array>,
  file: string,
  secrets: readonly string[],
  { console, env }: Pick<Host, "console" | "env">,
): Promise<void> {
  const fence = env.GITHUB_ACTIONS === "true" ? { fence: createFenceToken() } : {};
  const relay = createLogRelay({ write: console, mask: secrets, ...fence });
  const mask = createSecretMask(secrets);
  const stream = createWriteStream(file);
  const written = finished(stream);
  written.catch(() => {});
  const write = async (bytes: Uint8Array) => {
    if (!stream.write(bytes))
      await Promise.race([new Promise<void>((resolve) => stream.once("drain", resolve)), written]);
  };
  try {
    for await (const bytes of log) await Promise.all([relay.push(bytes), write(mask.push(bytes))]);
  } finally {
    await relay.end();
    stream.end(mask.end());
    await written;
  }
}
