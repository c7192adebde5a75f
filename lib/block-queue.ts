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
  readonly #blockBytes: number;
  readonly #onWanted: () => void;
  readonly #ready: Uint8Array[] = [];
  readonly #free: Buffer[] = [];
  #block: Buffer | undefined;
  #filled = 0;
  #ended: { readonly error?: unknown } | undefined;
  #wake = () => {};

  constructor({ blockBytes, onWanted }: BlockQueueOptions) {
    this.#blockBytes = blockBytes;
    this.#onWanted = onWanted;
  }

  /** Copies the bytes; false when the reader is behind: then nothing should be added until `onWanted`, but may be. */
  readonly add = (bytes: Uint8Array): boolean => {
    for (let at = 0; at < bytes.length; ) {
      this.#block ??= this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#blockBytes);
      const part = bytes.subarray(at, at + this.#blockBytes - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === this.#blockBytes) this.#finish();
    }
    return this.#ready.length < mostReady;
  };

  /** What was added is still read before the error is thrown. */
  readonly end = (error?: unknown): void => {
    if (this.#ended) return;
    this.#ended = error === undefined ? {} : { error };
    this.#finish();
  };

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const next = this.#ready.shift();
      if (next) {
        if (this.#ready.length === mostReady - 1) this.#onWanted();
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

  #finish(): void {
    if (this.#block) this.#ready.push(this.#block.subarray(0, this.#filled));
    this.#block = undefined;
    this.#filled = 0;
    this.#wake();
  }
}
