import type { IncomingMessage, ServerResponse } from "node:http";
import { StringDecoder } from "node:string_decoder";

/** An answer in pieces of at most so many bytes, each line of it changed. */
export interface ChangedAnswer {
  readonly pieceBytes?: number;
  readonly rewrite?: (line: string) => string;
}

/** Relays an answer so, to its end. */
export function relayChanged(
  head: IncomingMessage,
  reply: ServerResponse,
  { pieceBytes = Number.POSITIVE_INFINITY, rewrite = (line) => line }: ChangedAnswer,
): void {
  const decoder = new StringDecoder();
  let rest = "";
  let last = Promise.resolve();
  const send = (text: string) => {
    const bytes = Buffer.from(text);
    last = last.then(async () => {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        reply.write(bytes.subarray(at, at + pieceBytes));
        // Each piece in a packet of its own.
        if (pieceBytes < bytes.length) await new Promise((resolve) => setImmediate(resolve));
      }
    });
  };
  head.on("data", (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) send(`${rewrite(line)}\n`);
  });
  head.once("end", () => {
    if (rest !== "") send(rewrite(rest));
    void last.then(() => reply.end());
  });
}
