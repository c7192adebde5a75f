import { createLogWindow, type LogWindow, type Replay, stampOrder } from "./log-window.ts";

const newline = 10;
const space = 32;
/** `2026-01-31T10:00:00.000000000Z`, or with an offset `+02:00` in place of the Z. */
const utcLength = 30;
const offsetLength = 35;

/** Reads a log with timestamps over several connections: takes the timestamps off, and what was read before out. */
export class LogCursor {
  readonly #window: LogWindow = createLogWindow();
  #replay: Replay | undefined;
  /** `seek`: looking for the first line that is known; `skip`: counting the known ones; `live`: all is new. */
  #phase: "live" | "seek" | "skip" = "live";
  #linesToSkip = 0;
  /** A timestamp that is not whole yet. */
  #carry: Buffer = Buffer.alloc(0);
  #isInLine = false;
  /** Bytes of the current line that are still to be left out. */
  #drop = 0;
  /** Whether the newline of the last line given is still to come, and how many of its bytes were given. */
  #isOpen = false;
  #openBytes = 0;
  #firstStamp: string | undefined;
  #gap: string | undefined;
  #message: string | undefined;

  /** Begins a connection; gives the time to ask from, undefined for all. */
  begin(): string | undefined {
    this.#replay = this.#window.replay();
    this.#phase = this.#replay === undefined ? "live" : "seek";
    this.#carry = Buffer.alloc(0);
    this.#isInLine = false;
    this.#message = undefined;
    return this.#replay?.sinceTime;
  }

  /** The new bytes in this chunk, which is used up: they are moved together in it, for a copy of every line would be most of the work. */
  push(input: Buffer): Buffer {
    const chunk = this.#carry.length === 0 ? input : Buffer.concat([this.#carry, input]);
    this.#carry = Buffer.alloc(0);
    let filled = 0;
    let position = 0;
    while (position < chunk.length) {
      if (!this.#isInLine) {
        const length = stampLength(chunk, position);
        if (length === undefined) {
          this.#carry = chunk.subarray(position);
          break;
        }
        // There is room for it: a timestamp was taken off.
        if (this.#beginLine(chunk, position, length)) chunk[filled++] = newline;
        if (length > 0) position += length + 1;
      }
      const found = chunk.indexOf(newline, position);
      const end = found < 0 ? chunk.length : found + 1;
      const kept = position + this.#leaveOut(end - position, found >= 0);
      if (kept > filled && kept < end) chunk.copyWithin(filled, kept, end);
      filled += end - kept;
      position = end;
    }
    return chunk.subarray(0, filled);
  }

  /** Whether this connection has shown all that was read before, so that what comes now is new. */
  isAligned(): boolean {
    return this.#phase === "live";
  }

  /** What came on this connection without a timestamp: not the container's words but the kubelet's, which could not read the log. */
  message(): string | undefined {
    return this.#message ?? (this.#carry.length > 0 ? this.#carry.toString("utf8") : undefined);
  }

  /** Timestamp of the first line that was given. */
  firstStamp(): string | undefined {
    return this.#firstStamp;
  }

  /** What is missing in what was given, in words. */
  gap(): string | undefined {
    return this.#gap;
  }

  /** How many of the next bytes of the current line are known already. */
  #leaveOut(bytes: number, endsLine: boolean): number {
    const left = Math.min(this.#drop, bytes);
    const isOfKnownLine = this.#drop === Number.POSITIVE_INFINITY;
    this.#drop -= left;
    this.#openBytes += bytes - left;
    if (endsLine && !isOfKnownLine) this.#isOpen = false;
    this.#isInLine = !endsLine;
    return left;
  }

  /** Whether a newline must be written first. */
  #beginLine(chunk: Buffer, start: number, length: number): boolean {
    if (this.#phase !== "live" && this.#replay !== undefined)
      return this.#align(this.#replay, chunk.toString("latin1", start, start + length));
    if (length === 0) {
      this.#message ??= chunk.toString("utf8", start, start + 300).split("\n")[0];
      this.#drop = Number.POSITIVE_INFINITY;
      return false;
    }
    this.#noteLine(chunk, start, length);
    return false;
  }

  #noteLine(chunk: Buffer, start: number, length: number): void {
    this.#firstStamp ??= chunk.toString("latin1", start, start + length);
    this.#window.note(chunk, start, length);
    this.#drop = 0;
    this.#openBytes = 0;
    this.#isOpen = true;
  }

  #align(known: Replay, stamp: string): boolean {
    this.#drop = Number.POSITIVE_INFINITY;
    // The rest of a line that began before the time asked from comes without a timestamp.
    if (stamp === "") return false;
    if (this.#phase === "seek" && stamp === known.firstStamp) {
      this.#phase = "skip";
      this.#linesToSkip = known.lines;
    }
    const isLast = this.#phase === "skip" ? --this.#linesToSkip === 0 : stamp === known.lastStamp;
    if (isLast) {
      this.#phase = "live";
      if (this.#isOpen) this.#drop = this.#openBytes;
      if (stamp !== known.lastStamp) this.#gap ??= `the log's lines of about ${known.lastStamp} came in another order`;
      return false;
    }
    if (this.#phase === "skip" || stampOrder(stamp) <= stampOrder(known.lastStamp)) return false;
    return this.#loseTrack(known, stamp);
  }

  /** The log no longer holds what was read last: it was rotated between two connections. */
  #loseTrack(known: Replay, stamp: string): boolean {
    this.#gap ??= `lines between ${known.lastStamp} and ${stamp} may be missing: the node had rotated the log before they were read`;
    this.#phase = "live";
    const wasOpen = this.#isOpen;
    this.#noteLine(Buffer.from(stamp, "latin1"), 0, stamp.length);
    return wasOpen;
  }
}

/** Length of the timestamp at `start`; 0 when there is none, undefined when more bytes are needed to tell. */
function stampLength(chunk: Buffer, start: number): number | undefined {
  const available = chunk.length - start;
  const isShort = available <= utcLength;
  if (isShort && chunk.indexOf(newline, start) < 0) return undefined;
  if (isShort || chunk[start + 4] !== 0x2d || chunk[start + 10] !== 0x54 || chunk[start + 19] !== 0x2e) return 0;
  if (chunk[start + utcLength] === space && chunk[start + utcLength - 1] === 0x5a) return utcLength;
  if (available <= offsetLength) return chunk.indexOf(newline, start) < 0 ? undefined : 0;
  return chunk[start + offsetLength] === space ? offsetLength : 0;
}
