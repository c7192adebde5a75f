import { DomainError } from "../error.ts";
import { shortHash } from "./image-tag.ts";
import { formatVersion, parseVersion, type SemanticVersion } from "./semantic-version.ts";
import { formatStamp } from "./stamp.ts";

// Leaves room for the numbers and the stamp within an image tag's 128 characters.
const branchLimit = 100;

/**
 * The pre-release of a branch at a time, by duat's rule: each character outside `[0-9A-Za-z]` becomes `-`, then the stamp. Unlike
 * duat it is lower case, has no build metadata, and shortens a branch of more than 100 characters.
 */
export function branchPrerelease(base: SemanticVersion, branch: string, unixSeconds: number): SemanticVersion {
  const clean = branch.replace(/[^0-9A-Za-z]/gu, "-").toLowerCase();
  const short = clean.length <= branchLimit ? clean : `${clean.slice(0, branchLimit - 9)}-${shortHash(branch)}`;
  return { ...base, prerelease: `${short}-${formatStamp(unixSeconds)}`, build: "" };
}

/**
 * The next numbered pre-release `ID.N` of a version: one more than the highest among the tagged versions. A tagged `rc.3.1` takes
 * the number 3. Throws DomainError `version-released` when the version itself is tagged, for then its candidates are over.
 */
export function numberedPrerelease(
  base: SemanticVersion,
  identifier: string,
  tagged: readonly SemanticVersion[],
): SemanticVersion {
  const release = { ...base, prerelease: "", build: "" };
  const same = tagged.filter(
    ({ major, minor, patch }) => major === base.major && minor === base.minor && patch === base.patch,
  );
  if (same.some((version) => version.prerelease === "")) {
    const text = formatVersion(release);
    throw new DomainError(
      "version-released",
      `Version ${text} is tagged already, so no ${text}-${identifier} can follow.`,
      {
        hint: "Raise the version first, with bump: patch, minor or major.",
      },
    );
  }
  const numbers = same.map((version) => numberOf(version.prerelease, identifier));
  return { ...release, prerelease: `${identifier}.${Math.max(0, ...numbers) + 1}` };
}

/**
 * The version that a tag stands for: the tag without the prefix. With the prefix `v` or none, tags with and without `v` both count.
 * Undefined for a tag of something else.
 */
export function versionOfTag(tag: string, prefix: string): SemanticVersion | undefined {
  if (tag.startsWith(prefix)) return parseVersion(tag.slice(prefix.length));
  return prefix === "v" ? parseVersion(tag) : undefined;
}

function numberOf(prerelease: string, identifier: string): number {
  const [name, number, ...more] = prerelease.split(".");
  const numbered = name === identifier && /^\d{1,15}$/.test(number ?? "") && more.every((part) => /^\d+$/.test(part));
  return numbered ? Number(number) : 0;
}
