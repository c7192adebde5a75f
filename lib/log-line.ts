import { isUtf8 } from "node:buffer";

/** A line longer than this is cut on the console; the log file has all of it. */
const lineLimitBytes = 65_536;
const pieceBytes = 65_536;
const sequenceLimit = 64;

const newline = 0x0a;
const carriageReturn = 0x0d;
const escapeByte = 0x1b;
/** First byte of C1 control characters, and of some others, in UTF-8. */
const c1Lead = 0xc2;

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
        partialCharacter = !valid && (piece.at(-1) ?? 0) >= 0x80;
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
  /** Where the last newline of the text that is being added was seen. */
  #lastNewline = -1;
  #state: State = "text";
  #sequence = "";

  /** Adds valid UTF-8. Of what a carriage return and the text behind it draw over, only the whole lines before are ever copied. */
  add(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#lastNewline = -1;
    for (let at = 0; at < bytes.length; ) {
      if (this.#state !== "text") {
        this.#inSequence(bytes[at++] as number);
        continue;
      }
      const from = at;
      at = this.#endOfText(bytes, view, from);
      const lineStart = Math.max(from, this.#lastNewline + 1);
      if (lineStart > from) this.#appendLines(bytes, from, lineStart);
      if (bytes[at] === carriageReturn && special[bytes[at + 1] as number] === 0) this.#restartLine();
      else if (at > lineStart) this.#append(bytes, lineStart, at);
      if (at < bytes.length) at += this.#addSpecial(bytes, at);
    }
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

  /** Where the text from `from` is interrupted: before a special byte that neither ends a line nor begins a whole colour. */
  #endOfText(bytes: Uint8Array, view: DataView, from: number): number {
    let at = from;
    while (at < bytes.length) {
      while (at + 4 <= bytes.length && isPrintable(view.getInt32(at, true))) at += 4;
      const stop = Math.min(at + 4, bytes.length);
      while (at < stop && special[bytes[at] as number] === 0) at++;
      if (at === stop) continue;
      const length = bytes[at] === newline ? 1 : textLength(bytes, at);
      if (length === 0) return at;
      if (bytes[at] === newline) this.#lastNewline = at;
      at += length;
    }
    return at;
  }

  /** Takes the byte that interrupted a text, and gives how many bytes it is long. */
  #addSpecial(bytes: Uint8Array, at: number): 1 | 2 {
    const byte = bytes[at];
    if (byte === carriageReturn) this.#returned = true;
    else if (byte === escapeByte) this.#state = "escape";
    else if (byte === 0) this.#append(replacement, 0, replacement.length);
    else if (byte === c1Lead) {
      // A C1 control character stands for an escape and the character 0x40 before it.
      this.#afterEscape((bytes[at + 1] as number) - 0x40);
      return 2;
    }
    return 1;
  }

  #inSequence(byte: number): void {
    if (byte === carriageReturn) this.#returned = true;
    if (byte === newline) this.#endLine();
    else if (byte === carriageReturn || byte === 0x18 || byte === 0x1a) this.#state = "text";
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

  /** Whole lines; the first goes on with the unfinished one. */
  #appendLines(bytes: Uint8Array, start: number, to: number): void {
    if (this.#returned && bytes[start] !== newline) this.#restartLine();
    this.#returned = false;
    for (let from = start; from < to; ) {
      const room = lineLimitBytes - (this.#end - this.#lineStart);
      // As many lines as have room even if they were one.
      const last = this.#cut > 0 ? -1 : bytes.lastIndexOf(newline, Math.min(to - 1, from + room));
      if (last >= from) {
        this.#write(bytes, from, last + 1);
        this.#lineStart = this.#end;
        from = last + 1;
      } else {
        const lineEnd = bytes.indexOf(newline, from);
        this.#append(bytes, from, lineEnd);
        this.#endLine();
        from = lineEnd + 1;
      }
    }
  }

  /** Text without newlines. */
  #append(bytes: Uint8Array, from: number, to: number): void {
    if (this.#returned) this.#restartLine();
    const room = this.#cut > 0 ? 0 : Math.min(to - from, lineLimitBytes - (this.#end - this.#lineStart));
    this.#write(bytes, from, from + room);
    this.#cut += to - from - room;
  }

  #write(bytes: Uint8Array, from: number, to: number): void {
    const end = this.#end + to - from;
    if (end > this.#buffer.length) this.#buffer = Buffer.concat([this.#buffer.subarray(0, this.#end)], 2 * end);
    // A call of native code costs more than a few bytes.
    if (to - from > 16) this.#buffer.set(bytes.subarray(from, to), this.#end);
    else for (let at = from, target = this.#end; at < to; ) this.#buffer[target++] = bytes[at++] as number;
    this.#end = end;
  }

  /** Also ends a control sequence that was never closed: it must not swallow the rest of the log. */
  #endLine(): void {
    this.#state = "text";
    const cut = this.#cut === 0 ? 0 : this.#cut + this.#dropPartialCharacter();
    const end = Buffer.from(cut === 0 ? "\n" : ` … (${cut} more bytes of this line are in the log file)\n`);
    this.#write(end, 0, end.length);
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

/** 1 for bytes that end a run of plain text: control characters but tab, DEL, and the lead byte of C1 control characters. */
const special = Uint8Array.from({ length: 256 }, (_, byte) =>
  (byte < 0x20 && byte !== 0x09) || byte === 0x7f || byte === c1Lead ? 1 : 0,
);

/** Whether four bytes at once are all printable ASCII: no byte has, or gets by what is taken from it or added to it, its highest bit. */
function isPrintable(word: number): boolean {
  return ((word | (word - 0x20202020) | (word + 0x01010101)) & 0x80808080) === 0;
}

/** Length of what begins with a special byte and still is text: a whole colour (SGR), or a character with the lead byte of C1; else 0. */
function textLength(bytes: Uint8Array, from: number): number {
  if (bytes[from] === c1Lead) return (bytes[from + 1] as number) >= 0xa0 ? 2 : 0;
  if (bytes[from] !== escapeByte || bytes[from + 1] !== 0x5b) return 0;
  let at = from + 2;
  // Digits, colon and semicolon.
  while (at < from + sequenceLimit && (bytes[at] as number) >= 0x30 && (bytes[at] as number) <= 0x3b) at++;
  return bytes[at] === 0x6d ? at + 1 - from : 0;
}
