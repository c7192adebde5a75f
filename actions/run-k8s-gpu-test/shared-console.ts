import type { Host } from "../../lib/host.ts";
import { createFenceToken, createLogRelay } from "../../lib/log-relay.ts";

/** Where one shard's log goes to be seen. */
export interface ShardConsole {
  push(bytes: Uint8Array): Promise<void>;
  /** Writes the line that was begun. */
  end(): Promise<void>;
}

/** One console for all shards of a test, fenced once: fences of several shards would open each other. */
export interface SharedConsole {
  /** With a prefix whole lines are shown, each behind it; without one bytes go on as they come. */
  shard(prefix: string): ShardConsole;
  end(): Promise<void>;
}

/** A line longer than this is shown in parts. */
const longestLine = 16_000;
const newline = 0x0a;
const lineEnd = Buffer.from("\n");

export function createSharedConsole(
  secrets: readonly string[],
  { console, env }: Pick<Host, "console" | "env">,
): SharedConsole {
  const fence = env.GITHUB_ACTIONS === "true" ? { fence: createFenceToken() } : {};
  const relay = createLogRelay({ write: console, mask: secrets, ...fence });
  let last = Promise.resolve();
  // The relay takes one thing at a time.
  const push = (bytes: Uint8Array): Promise<void> => {
    last = last.then(() => relay.push(bytes));
    return last;
  };
  return {
    shard: (prefix) => (prefix === "" ? { push, end: () => last } : prefixLines(Buffer.from(prefix), push)),
    end: () => last.then(() => relay.end()),
  };
}

function prefixLines(prefix: Buffer, push: (bytes: Uint8Array) => Promise<void>): ShardConsole {
  let held = Buffer.alloc(0);
  const show = async (bytes: Uint8Array, isEnd: boolean): Promise<void> => {
    const all = Buffer.concat([held, bytes]);
    const parts: Buffer[] = [];
    let from = 0;
    while (from < all.length) {
      const end = all.indexOf(newline, from);
      const to = Math.min(end < 0 ? all.length : end + 1, from + longestLine);
      if (end < 0 && !isEnd && to - from < longestLine) break;
      parts.push(prefix, all.subarray(from, to), ...(all[to - 1] === newline ? [] : [lineEnd]));
      from = to;
    }
    held = Buffer.from(all.subarray(from));
    if (parts.length > 0) await push(Buffer.concat(parts));
  };
  return { push: (bytes) => show(bytes, false), end: () => show(Buffer.alloc(0), true) };
}
