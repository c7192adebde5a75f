export interface BlockQueueOptions {
  readonly blockBytes: number;
  /** Called when the reader has caught up. */
  readonly onWanted: () => void;
}

/** Full blocks that may wait: one is read while the next one fills. */
const mostReady = 2;

/**
 * Bytes that come in many small pieces and go on in few large blocks. Iterate it once: a block is overwritten when the next one is asked for, for new
 * memory would cost more than all that is done with the bytes.
 */
export class BlockQueue implements AsyncIterable<Uint8Array> {
  readonly #options: BlockQueueOptions;
  readonly #ready: Uint8Array[] = [];
  readonly #free: Buffer[] = [];
  #block: Buffer;
  #filled = 0;
  #ended: { readonly error?: unknown } | undefined;
  #wake = () => {};

  constructor(options: BlockQueueOptions) {
    this.#options = options;
    this.#block = this.#newBlock();
  }

  /** Copies the bytes; false when the reader is behind: then nothing should be added until `onWanted`, but may be. */
  readonly add = (bytes: Uint8Array): boolean => {
    const { blockBytes } = this.#options;
    for (let at = 0; at < bytes.length; ) {
      const part = bytes.subarray(at, at + blockBytes - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === blockBytes) this.#finish();
    }
    return this.#ready.length < mostReady;
  };

  /** What was added is still read before the error is thrown. */
  readonly end = (error?: unknown): void => {
    if (this.#ended) return;
    this.#ended = error === undefined ? {} : { error };
    if (this.#filled > 0) this.#finish();
    this.#wake();
  };

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const next = this.#ready.shift();
      if (next) {
        if (this.#ready.length === mostReady - 1) this.#options.onWanted();
        yield next;
        this.#free.push(Buffer.from(next.buffer));
      } else if (this.#ended) {
        if ("error" in this.#ended) throw this.#ended.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  #newBlock(): Buffer {
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#options.blockBytes);
  }

  #finish(): void {
    this.#ready.push(this.#block.subarray(0, this.#filled));
    this.#block = this.#newBlock();
    this.#filled = 0;
    this.#wake();
  }
}
