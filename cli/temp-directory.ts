import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A private folder of this process. */
export interface TempDirectory extends Disposable {
  readonly path: string;
}

/** Makes a folder that only this user can read; it goes when disposed, and at the latest when the process ends by itself. */
export function createTempDirectory(): TempDirectory {
  const path = mkdtempSync(join(tmpdir(), "gpu-ci-"));
  const remove = () => rmSync(path, { recursive: true, force: true });
  process.once("exit", remove);
  return {
    path,
    [Symbol.dispose]: () => {
      remove();
      process.off("exit", remove);
    },
  };
}
