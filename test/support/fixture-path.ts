import { mkdirSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";

const ordinary =
  "sh cat touch rm mkdir cp echo printf env sleep true mv tee chmod rmdir sed find ldd head dirname".split(" ");

/** A PATH that has the named programs of test/fixtures/bin and ordinary tools, and nothing else of this machine. */
export function fixturePath(directory: string, programs: readonly string[]): string {
  const bin = join(directory, "bin");
  mkdirSync(bin, { recursive: true });
  for (const name of programs) symlinkSync(resolve(import.meta.dirname, "../fixtures/bin", name), join(bin, name));
  for (const name of ordinary) symlinkSync(`/bin/${name}`, join(bin, name));
  return bin;
}
