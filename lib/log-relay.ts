import { randomInt } from "node:crypto";
import { createLineCleaner } from "./log-line.ts";
import { createSecretMask } from "./secret-mask.ts";

export interface LogRelayOptions {
  /**
   * Writes to the console; the bytes stay as they are until it has settled. Once it has failed (a closed pipe) nothing more is written: the
   * verdict does not depend on a reader.
   */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Secrets to hide, in all their forms. */
  readonly mask: readonly string[];
  /** Token of createFenceToken under GitHub Actions: between its two lines the runner obeys no command. */
  readonly fence?: string;
  /** The console gets no more than this; the rest is in the log file alone. Default is 200 MB. */
  readonly limitBytes?: number;
}

export interface LogRelay {
  /** Takes bytes as the container wrote them, cut anywhere. */
  push(bytes: Uint8Array): Promise<void>;
  /** Writes what is left and closes the fence. May be called again. */
  end(): Promise<void>;
}

/** A token nobody in a container can guess. Digits only: the runner compares tokens without regard to case. */
export function createFenceToken(): string {
  return Array.from({ length: 8 }, () => String(randomInt(10_000)).padStart(4, "0")).join("");
}

/**
 * Shows a container's log as data: whole lines of valid UTF-8, colours kept, control sequences gone, secrets masked, and nothing in
 * it that the runner or the web view would take for a command (design.md rule 9). How the runner reads lines:
 * https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
 */
export function createLogRelay({ write, mask, fence, limitBytes = 200_000_000 }: LogRelayOptions): LogRelay {
  const cleaner = createLineCleaner();
  const secrets = createSecretMask(mask, fence === undefined ? [] : [fence]);
  const breaker = createCommandBreaker();
  const console = createConsole(write, limitBytes);
  let state: "new" | "open" | "ended" = "new";
  return {
    async push(bytes) {
      if (state === "ended") return;
      if (state === "new" && fence !== undefined) await console.print(`::stop-commands::${fence}\n`);
      state = "open";
      await console.show(breaker.push(secrets.push(cleaner.push(bytes))));
    },
    async end() {
      const wasOpen = state === "open";
      state = "ended";
      if (!wasOpen) return;
      await console.show(breaker.push(secrets.push(cleaner.end())));
      await console.show(Buffer.concat([breaker.push(secrets.end()), breaker.end()]));
      await console.finish();
      if (fence !== undefined) await console.print(`::${fence}::\n`);
    },
  };
}

/** What of the log reaches the console, and in which state it leaves it. */
function createConsole(write: LogRelayOptions["write"], limitBytes: number) {
  const state = { reachable: true, shownBytes: 0, lastByte: newline, coloured: false };
  const send = async (bytes: Uint8Array) => {
    if (bytes.length === 0 || !state.reachable) return;
    state.lastByte = bytes.at(-1) ?? newline;
    await write(bytes).catch(() => {
      state.reachable = false;
    });
  };
  const print = (text: string) => send(Buffer.from(text));
  return {
    print,
    async show(bytes: Uint8Array) {
      state.shownBytes += bytes.length;
      const colour = bytes.lastIndexOf(escapeByte);
      if (colour !== -1) state.coloured = !isReset(bytes.subarray(colour + 1, colour + 4));
      if (state.shownBytes <= limitBytes) await send(bytes);
    },
    /** Leaves the console at the beginning of a line and without a colour. */
    async finish() {
      if (state.lastByte !== newline) await print("\n");
      if (state.shownBytes > limitBytes) await print("… The log goes on: all of it is in the log file.\n");
      if (state.coloured) await print("\u001b[0m\n");
    },
  };
}

const newline = 0x0a;
const escapeByte = 0x1b;

function isReset(sequence: Uint8Array): boolean {
  return /^\[0?m/.test(Buffer.from(sequence).toString("latin1"));
}
const command = Buffer.from("##[");
const hash = 0x23;
const space = 0x20;

/** The runner finds `##[` anywhere in a line, and the web view draws it: a space breaks it. */
function createCommandBreaker() {
  let heldHashes = 0;
  let buffer = Buffer.alloc(0);
  return {
    /** The answer is overwritten by the next call. */
    push(bytes: Uint8Array): Uint8Array {
      if (bytes.length === 0) return bytes;
      const input =
        heldHashes === 0
          ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
          : Buffer.concat([Buffer.alloc(heldHashes, hash), bytes]);
      heldHashes = trailingHashes(input);
      const text = input.subarray(0, input.length - heldHashes);
      const first = text.indexOf(command);
      if (first === -1) return text;
      const longest = Math.ceil((text.length * (command.length + 1)) / command.length);
      // One buffer for all calls: new ones would pile up until the next garbage collection.
      if (longest > buffer.length) buffer = Buffer.allocUnsafe(longest);
      return buffer.subarray(0, breakCommands(text, first, buffer));
    },
    end: (): Uint8Array => Buffer.alloc(heldHashes, hash),
  };
}

function trailingHashes(bytes: Uint8Array): number {
  if (bytes.at(-1) !== hash) return 0;
  return bytes.at(-2) === hash ? 2 : 1;
}

/** Copies the text, whose first command is at `first`, and gives the length of the copy. */
function breakCommands(text: Buffer, first: number, target: Buffer): number {
  let from = 0;
  let length = 0;
  for (let at = first; at !== -1; at = text.indexOf(command, from)) {
    const bracket = at + command.length - 1;
    length += text.copy(target, length, from, bracket);
    target[length++] = space;
    from = bracket;
  }
  return length + text.copy(target, length, from);
}
