/** Collects chunks and gives the complete lines, without their newline, as text. */
export interface LineSplitter {
  /** The lines that this chunk completed. */
  push(chunk: Buffer): string[];
}

/** Splits a stream of bytes into lines; a line is decoded as a whole, so that no character is split, in time linear to its length. */
export function createLineSplitter(): LineSplitter {
  let pending: Buffer[] = [];
  return {
    push(chunk) {
      const lines: string[] = [];
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        pending.push(chunk.subarray(start, end));
        lines.push(Buffer.concat(pending).toString("utf8"));
        pending = [];
        start = end + 1;
      }
      if (start < chunk.length) pending.push(chunk.subarray(start));
      return lines;
    },
  };
}
