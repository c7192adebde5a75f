import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exec } from "../../lib/exec.ts";
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
  const { digest } = await writeLayout(layout, { layers: layersOf(sizeMb, changed), compression: "gzip" });
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

/** Writes an image of six layers that are not compressed: this machine's own programs and libraries, as far as they suffice. */
export async function writePlainImage(sizeMb: number): Promise<BenchImage> {
  const layout = await mkdtemp(join(tmpdir(), "gpu-ci-bench-"));
  const { digest } = await writeLayout(layout, { layers: tarsOf(await systemFiles(), sizeMb) });
  return { layout, digest, [Symbol.asyncDispose]: () => rm(layout, { recursive: true, force: true }) };
}

interface SystemFile {
  readonly path: string;
  readonly size: number;
}

async function systemFiles(): Promise<SystemFile[]> {
  const { stdout } = await exec("find", ["usr/lib", "usr/bin", "-type", "f", "-printf", "%s %p\\n"], { cwd: "/" });
  const files = stdout.split("\n").map((line) => /^(\d+) (.*)$/.exec(line) ?? []);
  const found = files.map(([, size = "0", path = ""]) => ({ path, size: Number(size) }));
  return found.filter(({ size }) => size > 0 && size < 64e6).sort((a, b) => (a.path < b.path ? -1 : 1));
}

function* tarsOf(files: SystemFile[], sizeMb: number): Generator<Buffer> {
  for (const share of shares) {
    const wanted = sizeMb * 1e6 * share;
    const chosen: string[] = [];
    for (let sum = 0; sum < wanted; ) {
      const file = files.shift();
      if (!file) throw new Error(`This machine's /usr/lib and /usr/bin have less than ${sizeMb} MB.`);
      chosen.push(file.path);
      sum += file.size;
    }
    const options = { cwd: "/", input: chosen.join("\n"), maxBuffer: 2 ** 31 - 1 };
    yield spawnSync("tar", ["--create", "--no-recursion", "--files-from=-"], options).stdout;
  }
}
