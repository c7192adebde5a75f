/** How much a set of changes raises a version. */
export type ChangeSize = "none" | "patch" | "minor" | "major";

const sizes: readonly ChangeSize[] = ["none", "patch", "minor", "major"];

/**
 * The largest change among commit messages by https://www.conventionalcommits.org/en/v1.0.0/: `!` or a BREAKING CHANGE footer is
 * major, feat is minor, fix, perf and revert are patch, everything else is none.
 */
export function largestChange(messages: readonly string[]): ChangeSize {
  const found = messages.map((message) => sizes.indexOf(changeOf(message)));
  return sizes[Math.max(0, ...found)] ?? "none";
}

function changeOf(message: string): ChangeSize {
  const header = /^(?<type>[a-z]+)(?:\([^()\n]*\))?(?<breaking>!)?: \S/i.exec(message)?.groups;
  if (header?.breaking || /^BREAKING[ -]CHANGE: \S/m.test(message)) return "major";
  const type = header?.type?.toLowerCase();
  if (type === "feat") return "minor";
  return type === "fix" || type === "perf" || type === "revert" ? "patch" : "none";
}
