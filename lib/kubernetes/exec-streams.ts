import type { Readable, Writable } from "node:stream";
import { finished } from "node:stream/promises";
import type { WebSocket } from "ws";

/** First byte of every frame: https://kubernetes.io/docs/reference/using-api/websocket/ and k8s.io/apimachinery pkg/util/remotecommand. */
export const channels = { stdin: 0, stdout: 1, stderr: 2, status: 3, close: 255 } as const;

/** A frame as large as kubectl's: servers read them into a buffer of this size. */
const frameBytes = 32 * 1024;
const highWaterBytes = 256 * 1024;

/** Where the output of a command goes, no faster than it is taken. */
export interface ExecOutputs {
  write(channel: number, bytes: Buffer): void;
  /** Ends both and returns when all was taken. */
  finish(): Promise<void>;
  destroy(error: Error): void;
}

/** Stops reading from the socket while one of the writables is full; `onError` is called when one breaks. */
export function createExecOutputs(
  socket: WebSocket,
  { stdout, stderr }: { readonly stdout?: Writable; readonly stderr?: Writable },
  onError: (error: Error) => void,
): ExecOutputs {
  const writables = [stdout, stderr].filter((writable) => writable !== undefined);
  const full = new Set<Writable>();
  for (const writable of writables) {
    writable.on("error", onError);
    writable.on("drain", () => {
      full.delete(writable);
      if (full.size === 0) socket.resume();
    });
  }
  return {
    write(channel, bytes) {
      const writable = channel === channels.stdout ? stdout : channel === channels.stderr ? stderr : undefined;
      if (writable === undefined || bytes.length === 0 || writable.write(bytes)) return;
      full.add(writable);
      socket.pause();
    },
    async finish() {
      for (const writable of writables) writable.end();
      await Promise.all(writables.map((writable) => finished(writable, { readable: false })));
    },
    destroy(error) {
      for (const writable of writables) writable.destroy(error);
    },
  };
}

/** Sends the input no faster than the server takes it, then tells its end where the protocol can (v5). Returns when all was handed over, or the socket closed. */
export async function sendStdin(socket: WebSocket, stdin: Readable): Promise<void> {
  for await (const chunk of stdin) {
    const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    for (let start = 0; start < bytes.length; start += frameBytes) {
      await sendFrame(socket, channels.stdin, bytes.subarray(start, start + frameBytes));
      if (socket.readyState !== socket.OPEN) return;
    }
  }
  // A v4 server knows no end of input, and closing the socket would end the command: it stays open.
  if (socket.protocol.startsWith("v5.")) await sendFrame(socket, channels.close, Buffer.of(channels.stdin));
}

async function sendFrame(socket: WebSocket, channel: number, bytes: Uint8Array): Promise<void> {
  if (socket.readyState !== socket.OPEN) return;
  const frame = Buffer.allocUnsafe(bytes.length + 1);
  frame[0] = channel;
  frame.set(bytes, 1);
  // An error of the socket is told by its own event; here it only ends the wait.
  const sent = new Promise<void>((resolve) => socket.send(frame, () => resolve()));
  if (socket.bufferedAmount > highWaterBytes) await sent;
}
