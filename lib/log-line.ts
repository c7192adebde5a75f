import { isUtf8 } from "node:buffer";

/** A line longer than this is cut on the console; the log file has all of it. */
const lineLimitBytes = 65_536;
const pieceBytes = 65_536;
const sequenceLimit = 64;

const newline = 0x0a;
const carriageReturn = 0x0d;
const escapeByte = 0x1b;

type State = "text" | "escape" | "intermediate" | "csi" | "string" | "string-escape";

/** Turns a container's raw bytes into whole lines of valid UTF-8 without control sequences. */
export interface LineCleaner {
  /** The lines that `bytes` complete, each with its newline, until the next call; an unfinished line is kept for it. */
  push(bytes: Uint8Array): Uint8Array;
  /** The unfinished line, with a newline. */
  end(): Uint8Array;
}

/**
 * Splits on `\n` and `\r`; of what a progress bar draws over itself with `\r` the last state remains. Colours (SGR) stay; cursor
 * movements, titles, links and clipboard writes (CSI, OSC, DCS, C1) go. Memory is bounded by one line of 64 KiB, whatever comes.
 */
export function createLineCleaner(): LineCleaner {
  const lines = new Lines();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let partialCharacter = false;
  return {
    push(bytes) {
      lines.dropTaken();
      for (let from = 0; from < bytes.length; from += pieceBytes) {
        const piece = bytes.subarray(from, from + pieceBytes);
        const valid = !partialCharacter && isUtf8(piece);
        // A piece that is no UTF-8 by itself may begin or end within a character: the decoder keeps that, and replaces what is wrong.
        const text = valid ? piece : Buffer.from(decoder.decode(piece, { stream: true }));
        partialCharacter = !valid && !endsWithCharacter(piece);
        lines.add(text);
      }
      return lines.take();
    },
    end() {
      lines.dropTaken();
      const rest = decoder.decode();
      if (rest !== "") lines.add(Buffer.from(rest));
      lines.finish();
      return lines.take();
    },
  };
}

function endsWithCharacter(bytes: Uint8Array): boolean {
  return (bytes.at(-1) ?? 0) < 0x80;
}

class Lines {
  /** Whole lines, then the unfinished one. */
  #buffer = Buffer.allocUnsafe(2 * pieceBytes);
  #lineStart = 0;
  #end = 0;
  /** Bytes of whole lines that were given out, and stay as they are until more is added. */
  #taken = 0;
  /** Bytes of the unfinished line that did not fit. */
  #cut = 0;
  #returned = false;
  #state: State = "text";
  #sequence = "";

  add(bytes: Uint8Array): void {
    const isPlain = this.#state === "text" && !this.#returned && this.#cut === 0 && !hasSpecials(bytes);
    const fits = isPlain && this.#end - this.#lineStart + bytes.indexOf(newline) <= lineLimitBytes;
    const lastNewline = fits ? bytes.lastIndexOf(newline) : -1;
    if (lastNewline === -1) {
      this.#addSlowly(bytes);
      return;
    }
    this.#write(bytes, 0, lastNewline + 1);
    this.#lineStart = this.#end;
    this.#append(bytes, lastNewline + 1, bytes.length);
  }

  /** Lets go of the lines that were taken: what follows may stand in their place. */
  dropTaken(): void {
    this.#buffer.copyWithin(0, this.#taken, this.#end);
    this.#lineStart -= this.#taken;
    this.#end -= this.#taken;
    this.#taken = 0;
  }

  take(): Uint8Array {
    this.#taken = this.#lineStart;
    return this.#buffer.subarray(0, this.#taken);
  }

  finish(): void {
    if (this.#end > this.#lineStart) this.#endLine();
  }

  #addSlowly(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const from = at;
      if (this.#state === "text") at = endOfText(bytes, at);
      if (at > from) this.#append(bytes, from, at);
      if (at >= bytes.length) return;
      const byte = bytes[at++] as number;
      if (byte === newline) this.#endLine();
      else if (this.#state !== "text") this.#inSequence(byte);
      else at += this.#special(byte, bytes[at]);
    }
  }

  /** Gives how many bytes after this one belong to it. */
  #special(byte: number, next: number | undefined): 0 | 1 {
    if (byte === carriageReturn) this.#returned = true;
    else if (byte === escapeByte) this.#state = "escape";
    else if (byte === 0) this.#append(replacement, 0, replacement.length);
    else if (byte === 0xc2 && next !== undefined) {
      if (next < 0xa0) this.#state = stateAfterC1(next);
      else this.#append(Buffer.of(byte, next), 0, 2);
      return 1;
    }
    return 0;
  }

  #inSequence(byte: number): void {
    if (byte === carriageReturn) this.#returned = true;
    if (byte === carriageReturn || byte === 0x18 || byte === 0x1a) this.#state = "text";
    else if (byte === escapeByte) this.#state = this.#state === "string" ? "string-escape" : "escape";
    else if (this.#state === "escape") this.#afterEscape(byte);
    else if (this.#state === "intermediate") this.#state = byte >= 0x20 && byte <= 0x2f ? "intermediate" : "text";
    else if (this.#state === "csi") this.#inCsi(byte);
    else if (this.#state === "string-escape") this.#state = byte === 0x5c ? "text" : "string";
    else if (byte === 0x07) this.#state = "text";
  }

  #afterEscape(byte: number): void {
    this.#sequence = "";
    if (byte === 0x5b) this.#state = "csi";
    else if ([0x5d, 0x50, 0x58, 0x5e, 0x5f].includes(byte)) this.#state = "string";
    else this.#state = byte >= 0x20 && byte <= 0x2f ? "intermediate" : "text";
  }

  /** A colour usually is whole within its piece and then passes as text; this one is cut by the end of the piece, or is no colour. */
  #inCsi(byte: number): void {
    if (byte < 0x40 || byte > 0x7e) {
      if (this.#sequence.length < sequenceLimit) this.#sequence += String.fromCharCode(byte);
      return;
    }
    this.#state = "text";
    const isColour = byte === 0x6d && this.#sequence.length < sequenceLimit && /^[\d;:]*$/.test(this.#sequence);
    if (!isColour) return;
    const colour = Buffer.from(`\u001b[${this.#sequence}m`);
    this.#append(colour, 0, colour.length);
  }

  #append(bytes: Uint8Array, from: number, to: number): void {
    if (this.#returned && to > from) this.#restartLine();
    const room = this.#cut > 0 ? 0 : Math.min(to - from, lineLimitBytes - (this.#end - this.#lineStart));
    this.#write(bytes, from, from + room);
    this.#cut += to - from - room;
  }

  #write(bytes: Uint8Array, from: number, to: number): void {
    if (this.#end + to - from > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer.subarray(0, this.#end)], 2 * (this.#end + to - from));
    }
    this.#buffer.set(from === 0 && to === bytes.length ? bytes : bytes.subarray(from, to), this.#end);
    this.#end += to - from;
  }

  /** Also ends a control sequence that was never closed: it must not swallow the rest of the log. */
  #endLine(): void {
    this.#state = "text";
    if (this.#cut > 0) {
      const cut = this.#cut + this.#dropPartialCharacter();
      const note = Buffer.from(` … (${cut} more bytes of this line are in the log file)`);
      this.#write(note, 0, note.length);
    }
    this.#write(newlineBytes, 0, 1);
    this.#lineStart = this.#end;
    this.#restartLine();
  }

  #dropPartialCharacter(): number {
    const end = this.#end;
    while (this.#end > this.#lineStart && ((this.#buffer[this.#end - 1] ?? 0) & 0xc0) === 0x80) this.#end--;
    if ((this.#buffer[this.#end - 1] ?? 0) >= 0xc0) this.#end--;
    return end - this.#end;
  }

  #restartLine(): void {
    this.#returned = false;
    this.#end = this.#lineStart;
    this.#cut = 0;
  }
}

const replacement = Buffer.from("\uFFFD");
const newlineBytes = Buffer.from("\n");

/** 1 for bytes that end a run of plain text: control characters but tab, DEL, and the lead byte of C1 control characters. */
const special = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte < 0x20 && byte !== 0x09) || byte === 0x7f || byte === 0xc2 ? 1 : 0,
);

/** The same without newlines. */
const unusual = special.with(newline, 0);

/** Whether there is anything but plain text and newlines; four bytes a step, for every byte of every log passes here. */
function hasSpecials(bytes: Uint8Array): boolean {
  const end = bytes.length - (bytes.length % 4);
  for (let at = 0; at < end; at += 4) {
    const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
    if ((unusual[a] as number) | (unusual[b] as number) | (unusual[c] as number) | (unusual[d] as number)) return true;
  }
  return bytes.subarray(end).some((byte) => unusual[byte] === 1);
}

function stateAfterC1(byte: number): State {
  if (byte === 0x9b) return "csi";
  return [0x90, 0x98, 0x9d, 0x9e, 0x9f].includes(byte) ? "string" : "text";
}

/** Where the text from `from` is interrupted: before the next special byte that does not begin a whole colour sequence. */
function endOfText(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length) {
    const byte = bytes[at] as number;
    const length = special[byte] === 0 ? 1 : byte === escapeByte ? colourLength(bytes, at) : 0;
    if (length === 0) return at;
    at += length;
  }
  return at;
}

/** Length of the SGR sequence that begins at `from`; 0 when there is none, or its end is not in these bytes. */
function colourLength(bytes: Uint8Array, from: number): number {
  if (bytes[from + 1] !== 0x5b) return 0;
  let at = from + 2;
  // Digits, colon and semicolon.
  while (at < from + sequenceLimit && (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x3b) at++;
  return bytes[at] === 0x6d ? at + 1 - from : 0;
}
