import { largestChange } from "./conventional-commit.ts";
import { branchPrerelease, numberedPrerelease } from "./prerelease.ts";
import { bumpVersion, compareVersions, type SemanticVersion } from "./semantic-version.ts";

/** How the next version is made from the current one. */
export type Bump = "none" | "patch" | "minor" | "major" | "prerelease" | "auto";

/** A version with the tag and commit it was released at. */
export interface TaggedVersion {
  readonly tag: string;
  readonly commit: string;
  readonly version: SemanticVersion;
}

export interface VersionChoice {
  readonly bump: Bump;
  /** Name of numbered pre-releases such as `rc`; undefined makes them from branch and stamp. */
  readonly prereleaseId: string | undefined;
  readonly current: SemanticVersion;
  readonly branch: string;
  readonly stampSeconds: number;
  /** Asked only for numbered pre-releases and for `auto`. */
  readonly listTagged: () => Promise<readonly TaggedVersion[]>;
  /** Messages of the commits since that release. */
  readonly listMessages: (since: TaggedVersion | undefined) => Promise<readonly string[]>;
}

/** The version that this build is for. Throws DomainError `version-released` for a candidate of a version that is out already. */
export async function chooseVersion(choice: VersionChoice): Promise<SemanticVersion> {
  const { bump, current, prereleaseId } = choice;
  if (bump === "none") return current;
  if (bump === "auto") return chooseByCommits(choice);
  if (bump !== "prerelease") return bumpVersion(current, bump);
  if (prereleaseId === undefined) return branchPrerelease(current, choice.branch, choice.stampSeconds);
  const tagged = await choice.listTagged();
  return numberedPrerelease(
    current,
    prereleaseId,
    tagged.map(({ version }) => version),
  );
}

/** The highest of tagged versions, with or without pre-releases. */
export function highestTagged(tagged: readonly TaggedVersion[], stable: boolean): TaggedVersion | undefined {
  const candidates = stable ? tagged.filter(({ version }) => version.prerelease === "") : tagged;
  return candidates.toSorted((left, right) => compareVersions(right.version, left.version))[0];
}

/**
 * Raises the last release by what the commits since then ask for. A current version that is higher already stands: somebody
 * raised it by hand. Before 1.0.0 a breaking change raises the minor number, as semver's item 4 leaves open.
 */
async function chooseByCommits({ current, listTagged, listMessages }: VersionChoice): Promise<SemanticVersion> {
  const last = highestTagged(await listTagged(), true);
  const change = largestChange(await listMessages(last));
  const base = last?.version;
  if (change === "none" || base === undefined) return current;
  const next = bumpVersion(base, change === "major" && base.major === 0 ? "minor" : change);
  return compareVersions(current, next) >= 0 ? current : next;
}
