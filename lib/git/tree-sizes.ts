import { formatSize } from "../size.ts";
import type { TreeFile } from "./git-tree.ts";

/** The largest folders and files at the top of a tree with their sizes, as one line for a reader; what makes an image slow is among them. */
export function describeSizes(files: readonly TreeFile[], count = 5): string {
  const entries = Map.groupBy(files, ({ path }) => (path.includes("/") ? `${path.split("/", 1)[0]}/` : path));
  const sized = [...entries].map(([name, within]) => ({ name, size: within.reduce((sum, { size }) => sum + size, 0) }));
  const largest = sized.toSorted((a, b) => b.size - a.size || (a.name < b.name ? -1 : 1)).slice(0, count);
  const rest = sized.length - largest.length;
  const more = rest > 0 ? `, and ${rest} smaller ones` : "";
  return `${largest.map(({ name, size }) => `${name} ${formatSize(size)}`).join(", ")}${more}`;
}
