import { once } from "node:events";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { makeCertificate } from "../faults/make-certificate.ts";

const blockBytes = 32_768;

/** An API server over TLS that has one log to give, no faster than it is taken. */
export interface LogServer extends AsyncDisposable {
  readonly url: string;
  readonly cert: string;
}

/** Serves `text` again and again as the kubelet does, each line with its time, until `sumBytes` without the times were sent; its key is in `folder`. */
export async function startLogServer(text: string, sumBytes: number, folder: string): Promise<LogServer> {
  const { key, cert } = await makeCertificate(folder);
  const blocks = stampedBlocks(text);
  const server = https.createServer({ key, cert }, (request, response) => {
    const limit = new URL(request.url ?? "/", "https://localhost").searchParams.get("limitBytes");
    const log = limit === null ? repeat(blocks, sumBytes) : [blocks[0]![0].subarray(0, Number(limit))];
    pipeline(Readable.from(log), response).catch(() => {});
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://127.0.0.1:${port}`,
    cert,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function* repeat(blocks: readonly (readonly [Buffer, number])[], sumBytes: number) {
  for (let sent = 0, at = 0; sent < sumBytes; at++) {
    const [block, bytes] = blocks[at % blocks.length]!;
    sent += bytes;
    yield block;
  }
}

/** A minute of log: each block is of the next second. Its own size is without the times. */
function stampedBlocks(text: string): (readonly [Buffer, number])[] {
  const lines = text
    .repeat(Math.ceil(blockBytes / text.length))
    .split("\n")
    .slice(0, -1);
  return Array.from({ length: 60 }, (_, second) => {
    const minute = `2026-11-20T10:00:${String(second).padStart(2, "0")}`;
    const stamped = lines.map((line, at) => `${minute}.${String(at).padStart(9, "0")}Z ${line}\n`);
    return [Buffer.from(stamped.join("")), Buffer.byteLength(lines.join("\n")) + 1] as const;
  });
}
