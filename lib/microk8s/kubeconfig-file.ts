import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** Writes a kubeconfig for this job alone: readable by nobody else, and never the user's own ~/.kube/config. Returns its path. */
export async function writeKubeconfig(directory: string, content: string): Promise<string> {
  const path = kubeconfigPath(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  await writeFile(path, content, { mode: 0o600, flag: "wx" });
  return path;
}

/** Where writeKubeconfig writes: known before it does, so that it can be saved as something to undo. */
export function kubeconfigPath(directory: string): string {
  return join(directory, "kubeconfig");
}
