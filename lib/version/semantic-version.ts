import { compare } from "semver";

/** A semantic version; `prerelease` and `build` are empty strings where there is none. */
export interface SemanticVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
  readonly prerelease: string;
  readonly build: string;
}

const pattern =
  /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

/** Reads a version as people write it: `v1.2.3`, `1.2`, `1` and `01.2.3` count too. Undefined for anything else, also with blanks around. */
export function parseVersion(text: string): SemanticVersion | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [major, minor, patch] = [match[1], match[2], match[3]].map((digits) => Number(digits ?? 0));
  if (major === undefined || minor === undefined || patch === undefined) return undefined;
  if (![major, minor, patch].every(Number.isSafeInteger)) return undefined;
  return { major, minor, patch, prerelease: match[4] ?? "", build: match[5] ?? "" };
}

/** The canonical text, without any prefix. */
export function formatVersion(version: SemanticVersion): string {
  const { major, minor, patch, prerelease, build } = version;
  return `${major}.${minor}.${patch}${prerelease && `-${prerelease}`}${build && `+${build}`}`;
}

/** Negative, zero or positive by semver's precedence: build metadata does not count, a pre-release is below its release. */
export function compareVersions(left: SemanticVersion, right: SemanticVersion): number {
  // Loose, because 1.2.3-01 is read here although the specification forbids the leading zero.
  return compare(formatVersion(left), formatVersion(right), { loose: true });
}

/**
 * The next release. A pre-release's patch is the release it leads to (1.2.3-rc.1 to 1.2.3); minor and major always count up.
 * Pre-release and build metadata are dropped.
 */
export function bumpVersion(version: SemanticVersion, part: "patch" | "minor" | "major"): SemanticVersion {
  const { major, minor, patch } = version;
  const released = { prerelease: "", build: "" };
  if (part === "major") return { major: major + 1, minor: 0, patch: 0, ...released };
  if (part === "minor") return { major, minor: minor + 1, patch: 0, ...released };
  return { major, minor, patch: version.prerelease ? patch : patch + 1, ...released };
}
