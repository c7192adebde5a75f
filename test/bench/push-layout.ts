import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededBytes } from "../faults/fault-scene.ts";
import { writeLayout } from "../support/image-layout.ts";

/** An image on this machine's disk. */
export interface BenchImage extends AsyncDisposable {
  readonly layout: string;
  readonly digest: string;
}

// As a CUDA image is: one large layer, some of its half, and small ones.
const shares = [0.4, 0.2, 0.2, 0.1, 0.08, 0.02] as const;

/** Node ciphers and hashes no more than 2 GiB at a time. */
const largestMb = 2000;

/** Writes an image of six layers that were compressed before; `changed` gives its smallest one other bytes. */
export async function writeBenchImage(sizeMb: number, changed = false): Promise<BenchImage> {
  const layout = await mkdtemp(join(tmpdir(), "gpu-ci-bench-"));
  const { digest } = await writeLayout(layout, { layers: layersOf(sizeMb, changed) });
  return { layout, digest, [Symbol.asyncDispose]: () => rm(layout, { recursive: true, force: true }) };
}

function* layersOf(sizeMb: number, changed: boolean): Generator<Buffer> {
  for (const [at, share] of shares.entries()) {
    const isOther = changed && at === shares.length - 1;
    const parts = Math.ceil((sizeMb * share) / largestMb);
    for (let part = 0; part < parts; part++)
      yield seededBytes(`bench/${at}/${part}${isOther ? "/changed" : ""}`, Math.round((sizeMb * 1e6 * share) / parts));
  }
}
