/** Bytes that come in many small pieces and go on in few large blocks. Iterate it once: a block is overwritten when the next one is asked for. */
export interface BlockQueue extends AsyncIterable<Uint8Array> {
  /** Copies the bytes; false when the reader is behind: then nothing should be added until `onWanted`, but may be. */
  readonly add: (bytes: Uint8Array) => boolean;
  /** What was added is still read before the error is thrown. */
  readonly end: (error?: unknown) => void;
}

export interface BlockQueueOptions {
  readonly blockBytes: number;
  /** Called when the reader has caught up. */
  readonly onWanted: () => void;
}

/** Full blocks that may wait: one is read while the next one fills. */
const mostReady = 2;

/** A queue that uses its blocks again: new memory would cost more than all that is done with the bytes. */
export function createBlockQueue({ blockBytes, onWanted }: BlockQueueOptions): BlockQueue {
  const ready: Uint8Array[] = [];
  const free: Buffer[] = [];
  const newBlock = () => free.pop() ?? Buffer.allocUnsafeSlow(blockBytes);
  let block = newBlock();
  let filled = 0;
  let ended: { readonly error?: unknown } | undefined;
  let wake = () => {};
  const finish = () => {
    ready.push(block.subarray(0, filled));
    block = newBlock();
    filled = 0;
    wake();
  };
  return {
    add(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const part = bytes.subarray(at, at + blockBytes - filled);
        block.set(part, filled);
        filled += part.length;
        at += part.length;
        if (filled === blockBytes) finish();
      }
      return ready.length < mostReady;
    },
    end(error) {
      if (ended) return;
      ended = error === undefined ? {} : { error };
      if (filled > 0) finish();
      wake();
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const next = ready.shift();
        if (next) {
          if (ready.length === mostReady - 1) onWanted();
          yield next;
          free.push(Buffer.from(next.buffer));
        } else if (ended) {
          if ("error" in ended) throw ended.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    },
  };
}
