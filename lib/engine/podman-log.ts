import { open } from "node:fs/promises";
import { sleep } from "../abort.ts";

const pollMs = 50;
const readBytes = 65_536;
/** conmon cuts what a container writes without a newline into entries of at most this size, so that no header goes further. */
const headerLimit = 128;

const newline = 0x0a;

export interface PodmanLogOptions {
  readonly path: string;
  /** Whether the container ended, so that the file is complete. */
  readonly ended: () => boolean;
  readonly signal: AbortSignal;
}

/**
 * Follows the log file that conmon writes (driver k8s-file): the container's bytes in the order they came, without the header that each
 * line has (`TIME stdout F `; P when the line goes on). Read from the file and not by `podman logs`, which separates the two streams.
 */
export async function* readPodmanLog({ path, ended, signal }: PodmanLogOptions): AsyncGenerator<Uint8Array> {
  await using file = await openWhenThere(path, ended, signal);
  if (file === undefined) return;
  const parser = createEntryParser();
  for (;;) {
    const wasEnded = ended();
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(readBytes), 0, readBytes);
    if (bytesRead > 0) yield parser(buffer.subarray(0, bytesRead));
    else if (wasEnded) return;
    else await sleep(pollMs, signal);
  }
}

async function openWhenThere(path: string, ended: () => boolean, signal: AbortSignal) {
  for (;;) {
    const wasEnded = ended();
    try {
      return await open(path, "r");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      if (wasEnded) return undefined;
    }
    await sleep(pollMs, signal);
  }
}

/** Gives the content of entries, cut anywhere. */
function createEntryParser(): (bytes: Uint8Array) => Uint8Array {
  let header = "";
  let inHeader = true;
  return (bytes) => {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      if (inHeader) {
        header += String.fromCharCode(bytes[at++] as number);
        const isWhole = /^\S+ (stdout|stderr) [FP] $/.test(header);
        // A file that is not in this format is shown as it is.
        if (!isWhole && header.length < headerLimit) continue;
        if (!isWhole) parts.push(Buffer.from(header, "latin1"));
        inHeader = false;
        continue;
      }
      const end = bytes.indexOf(newline, at);
      if (end === -1) {
        parts.push(bytes.subarray(at));
        break;
      }
      parts.push(bytes.subarray(at, header.endsWith("P ") ? end : end + 1));
      at = end + 1;
      header = "";
      inHeader = true;
    }
    return Buffer.concat(parts);
  };
}
