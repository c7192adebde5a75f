import { parseReceipt } from "./wrapper.ts";

/** Takes what the wrapper adds to a test's log off it again. */
export interface LogTrailer {
  /** The test's own bytes of this chunk; what may be the beginning of a trailer is kept back for the next call. */
  push(bytes: Uint8Array): Uint8Array;
  /** What was kept back, and is the test's own after all. */
  end(): Uint8Array;
  /** The wrapper's receipt, once both outputs have come to their ends; undefined before. */
  receipt(): string | undefined;
}

const newline = 10;
/** No trailer is longer: a termination message, which says the same, has at most 4 KiB. */
const longestTrailer = 8192;

/**
 * The trailers of test `name`: `gpu-ci-end NAME RECEIPT` is the last line of stdout, `gpu-ci-end NAME` that of stderr. Each comes behind
 * everything that the test wrote there, so that both together prove that all of it came. Where the test's own last line had no newline they
 * stand at its end.
 */
export function createLogTrailer(name: string): LogTrailer {
  const mark = Buffer.from(`gpu-ci-end ${name}`);
  const output = createOutput();
  const ends = createEnds();
  let held: Buffer = Buffer.alloc(0);
  return {
    push(bytes) {
      const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const input = held.length > 0 ? Buffer.concat([held, chunk]) : chunk;
      let from = 0;
      let at = input.indexOf(mark);
      while (at >= 0) {
        const end = input.indexOf(newline, at);
        if (end < 0 && input.length - at <= longestTrailer) break;
        const isTrailer = end >= 0 && ends.take(input.toString("utf8", at + mark.length, end));
        if (isTrailer) {
          output.add(input.subarray(from, at));
          output.endLine();
          from = end + 1;
        }
        at = input.indexOf(mark, isTrailer ? from : at + 1);
      }
      const keepFrom = at >= 0 ? at : beginOf(mark, input, from);
      output.add(input.subarray(from, keepFrom));
      held = Buffer.from(input.subarray(keepFrom));
      return output.take();
    },
    end() {
      output.add(held);
      return output.take();
    },
    receipt: ends.receipt,
  };
}

/** What the trailers told. */
function createEnds() {
  let receipt: string | undefined;
  let isStderrOver = false;
  return {
    /** Whether a line is a trailer, by what is behind its mark. */
    take(rest: string): boolean {
      if (rest === "") isStderrOver = true;
      else if (parseReceipt(rest) !== undefined) receipt = rest.trim();
      else return false;
      return true;
    },
    receipt: () => (isStderrOver ? receipt : undefined),
  };
}

/** Where `mark` may begin whose rest has not come yet; the length of the input when it does not. */
function beginOf(mark: Buffer, input: Buffer, from: number): number {
  let at = input.indexOf(mark[0] ?? 0, Math.max(from, input.length - mark.length + 1));
  while (at >= 0 && !input.subarray(at).equals(mark.subarray(0, input.length - at)))
    at = input.indexOf(mark[0] ?? 0, at + 1);
  return at < 0 ? input.length : at;
}

/** Joins pieces of a log; a line that a trailer was taken from is ended before another one comes. */
function createOutput() {
  let pieces: Buffer[] = [];
  let lastByte = newline;
  let isOver = false;
  return {
    add(piece: Buffer): void {
      if (piece.length === 0) return;
      if (isOver && lastByte !== newline) pieces.push(Buffer.of(newline));
      isOver = false;
      pieces.push(piece);
      lastByte = piece.at(-1) ?? newline;
    },
    endLine(): void {
      isOver = true;
    },
    take(): Buffer {
      const [first, ...more] = pieces;
      pieces = [];
      return more.length > 0 ? Buffer.concat([first ?? Buffer.alloc(0), ...more]) : (first ?? Buffer.alloc(0));
    },
  };
}
