import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A private folder of this process. */
export interface TempDirectory extends Disposable {
  readonly path: string;
  /** Leaves the folder where it is: the result names files in it. */
  keep(): void;
}

/** Makes a folder that only this user can read; it goes when disposed, and at the latest when the process ends by itself. */
export function createTempDirectory(): TempDirectory {
  const path = mkdtempSync(join(tmpdir(), "gpu-ci-"));
  const remove = () => rmSync(path, { recursive: true, force: true });
  process.once("exit", remove);
  let kept = false;
  return {
    path,
    keep: () => {
      kept = true;
      process.off("exit", remove);
    },
    [Symbol.dispose]: () => {
      if (!kept) remove();
      process.off("exit", remove);
    },
  };
}
