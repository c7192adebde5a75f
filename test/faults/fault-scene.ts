import { createCipheriv, createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeLayout } from "../support/image-layout.ts";
import type { TestRegistry } from "../support/registry.ts";

/** An image of one seed: two layers whose sizes and bytes follow from it. */
export interface SeededImage extends AsyncDisposable {
  readonly seed: number;
  readonly layout: string;
  readonly digest: string;
  /** Hex digests, the larger layer first. */
  readonly layers: readonly string[];
}

/** One push that something goes wrong with. */
export interface Scene {
  readonly image: SeededImage;
  readonly registry: TestRegistry;
  /** From 0 to 1, the same for the same seed. */
  readonly random: () => number;
  /** What has to end before the registry may be taken away. */
  readonly pending: Promise<unknown>[];
}

/** Writes the image of a seed; `scale` 1 is 15 to 21 MB. */
export async function writeSeededImage(seed: number, scale = 1): Promise<SeededImage> {
  const random = randomOf(seed);
  const sizes = [10e6 + random() * 4e6, 5e6 + random() * 3e6].map((size) => Math.round(size * scale));
  const layers = sizes.map((size, at) => seededBytes(`${seed}/${at}`, size));
  const layout = await mkdtemp(join(tmpdir(), "gpu-ci-faults-"));
  const { digest } = await writeLayout(layout, { layers });
  return {
    seed,
    layout,
    digest,
    layers: layers.map((bytes) => createHash("sha256").update(bytes).digest("hex")),
    [Symbol.asyncDispose]: () => rm(layout, { recursive: true, force: true }),
  };
}

/** Bytes that do not compress and follow from a text. */
export function seededBytes(text: string, size: number): Buffer {
  const key = createHash("sha256").update(text).digest();
  return createCipheriv("aes-256-ctr", key, Buffer.alloc(16)).update(Buffer.alloc(size));
}

/** Numbers from 0 to 1 that follow from a seed, by the generator called Mulberry32. */
export function randomOf(seed: number): () => number {
  let state = seed * 0x9e3779b1;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}
